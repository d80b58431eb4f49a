"""The gateway as `intertie up` runs it, with more and more of its policies."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from benchmarks.gateway.load import PROXY_CORE, Proxy, child, running
from intertie.gateway.controller import GatewayController
from intertie.gateway.routes import Sockets, Surroundings
from intertie.identity import keytext
from intertie.identity.issuer import ISSUER, Issuer
from intertie.identity.principal import Principal
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.engines import gateway_service
from intertie.runtime.hub import EventHub
from intertie.runtime.ports import Ports
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite

CLIENTS = 500
ORIGIN = "https://shop.example.com"
LIMITS = {"default_rate": "900000000/hour", "burst_rate": "90000000/minute"}
_SOCKET, _RULES = "authz.sock", "authz.json"

Made = dict[str, Any]  # a suite's gateway, as a file has it


def open_route() -> Made:
    """Nothing asked, nothing counted."""
    return {"routes": [_route(auth_required=False)]}


def token_route() -> Made:
    """A token, nothing else."""
    return {"routes": [_route()]}


def all_policies(collector: str) -> Made:
    """A token, two limits, CORS, a breaker, and traces of a tenth of the requests."""
    return {
        "routes": [_route()],
        "rate_limiting": LIMITS,
        "security": {"cors": {"allowed_origins": ["https://*.example.com"]}},
        "upstreams": {"service": {"circuit_breaker": {}}},
        "tracing": {"endpoint": f"{collector}/v1/traces", "sampling": 10},
    }


def sealed_keys() -> Made:
    """API keys that Envoy itself compares, and two limits."""
    return {
        "routes": [_route()],
        "rate_limiting": LIMITS,
        "security": {"authentication": {"methods": ["api_key"], "api_keys": "sealed"}},
    }


def hashed_keys() -> Made:
    """API keys of which only hashes are kept, and counters shared by all gateways."""
    return {
        "routes": [_route()],
        "rate_limiting": {**LIMITS, "counters": "shared"},
        "security": {"authentication": {"methods": ["api_key"]}},
    }


def tokens(issuer: Issuer) -> Sequence[Mapping[str, str]]:
    """Headers of clients that show a token, from a page of another origin."""
    each = (
        issuer.mint(name, now=now(), audience="intertie", lifetime_s=36_000)
        for name in _names(CLIENTS)
    )
    return [{"authorization": f"Bearer {token}", "origin": ORIGIN} for token in each]


def keys() -> Mapping[str, Principal]:
    """Texts of keys, and whose they are; the same ones each time."""
    ids = (name.encode().rjust(keytext.ID_BYTES, b"k") for name in _names(CLIENTS))
    secret = b"s" * keytext.SECRET_BYTES
    made = (keytext.make(each[: keytext.ID_BYTES], secret) for each in ids)
    return {text.text: Principal("key", text.id, roles=("user",)) for text in made}


def shown(texts: Mapping[str, Principal]) -> Sequence[Mapping[str, str]]:
    """Headers of clients that show a key."""
    return [{"x-api-key": text} for text in texts]


def _names(count: int) -> Sequence[str]:
    return [f"{number:04d}" for number in range(count)]


def _route(**said: object) -> dict[str, object]:
    return {"path": "/open", "service": "service", **said}


@contextmanager
def gateway(
    folder: Path, made: Made, service: int, *, engine: int | None = None
) -> Iterator[Proxy]:
    """Envoy with what the suite says; with a counter engine, the authorizer beside it."""
    folder.mkdir()
    suite = suite_of(made, Ports().take("gateway"), identity=engine is not None)
    now_there = partial(snapshot, suite, dict.fromkeys(suite.services, (service,)))
    anyio.run(controller_of(suite, folder, now_there, authorizer=engine is not None).prepare)
    if engine is None:
        with envoy(suite, folder) as proxy:
            yield proxy
        return
    command = (sys.executable, "-m", "benchmarks.gateway.authorizer", str(folder), str(engine))
    root = Path(__file__).parents[2]
    ready = (folder / _SOCKET).exists
    with (
        child(command, root, core=PROXY_CORE, is_ready=ready) as helper,
        envoy(suite, folder) as proxy,
    ):
        yield Proxy(proxy.process, proxy.port, helper)


@contextmanager
def envoy(suite: Suite, folder: Path) -> Iterator[Proxy]:
    """In a folder that a controller has prepared."""
    said = suite.gateway or Gateway()
    assert isinstance(said.port, int)  # noqa: S101 - it was given
    command = gateway_service(said, folder).command
    with running(command, folder, said.port, core=PROXY_CORE) as proxy:
        yield proxy


def controller_of(
    suite: Suite, folder: Path, now_there: Callable[[], Snapshot], *, authorizer: bool = False
) -> GatewayController:
    """As the daemon has it."""
    issuer = Issuer.open(folder.parent / "keys")
    known = {text: each.forwarded() for text, each in keys().items()}
    around = Surroundings(
        issuer=ISSUER,
        jwks=issuer.jwks(),
        sockets=Sockets(authorizer=_SOCKET if authorizer else ""),
        keys={} if authorizer else known,
    )
    return GatewayController(
        suite,
        folder,
        hub=EventHub("bench", now=now),
        snapshot=now_there,
        around=lambda _: around,
        rules_file=folder / _RULES if authorizer else None,
    )


def suite_of(made: Made, port: int, *, identity: bool = False) -> Suite:
    """With a service for each name that routes have."""
    names = {route["service"] for route in made["routes"]}
    return Suite.model_validate(
        {
            "suite": "bench",
            "services": {name: {"command": "true", "port": "auto"} for name in sorted(names)},
            "gateway": {"port": port, **made},
            **({"identity": {}} if identity else {}),
        }
    )


def snapshot(suite: Suite, ports: Mapping[str, Sequence[int]]) -> Snapshot:
    """As the supervisor would tell it."""
    return Snapshot(
        {
            name: ServiceStatus(name, suite.services[name], tuple(_replicas(name, each)))
            for name, each in ports.items()
        }
    )


def _replicas(name: str, ports: Sequence[int]) -> Iterator[Replica]:
    for index, port in enumerate(ports):
        yield Replica(
            name, index, State.RUNNING, pid=1, port=port, since=now(), restarts=0, reason=""
        )


def now() -> datetime:
    """As the daemon's clock gives it."""
    return datetime.now(UTC)
