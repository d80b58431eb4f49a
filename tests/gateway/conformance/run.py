"""All of it together, each part against a gateway of its own."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway.peers import bare_envoy
from tests.gateway.conformance import backends, hostile
from tests.gateway.conformance.floods import Flood, floods
from tests.gateway.conformance.http2 import Verdict, compare
from tests.gateway.conformance.lab import SERVICES, lab
from tests.gateway.conformance.recorder import Recorder, recorder
from tests.gateway.conformance.rows import Row
from tests.gateway.conformance.tokens import tokens
from tests.gateway.conformance.walk import Walked, walk_all
from tests.gateway.stage import Door, door, suite_of


@dataclass(frozen=True, slots=True)
class Results:
    """What a report is made of."""

    paths: list[Walked]
    rows: list[Row]
    http2: list[Verdict]
    floods: list[Flood]


async def everything(folder: Path) -> Results:
    """`folder` must be one that servers which are not root may look into."""
    paths = await path_tries(folder / "paths")
    async with one_service(folder / "one") as (made, service):
        rows = await hostile_tries(made, service, folder)
        found = await floods(made, "/open")
        verdicts = await http2_cases(made, service, folder)
    return Results(paths, rows, verdicts, found)


async def path_tries(folder: Path) -> list[Walked]:
    """Every way to every closed place of every service."""
    async with lab(folder, lenient=True) as made:
        return await walk_all(made, (*SERVICES, "lenient"))


@asynccontextmanager
async def one_service(folder: Path) -> AsyncIterator[tuple[Door, Recorder]]:
    """A gateway with open and closed places of one service that keeps what comes."""
    suite = suite_of(
        {"path": "/open", "service": "web", "auth_required": False, "methods": ["GET", "POST"]},
        {"path": "/secret", "service": "web"},
        {"path": "/other", "service": "web", "auth_required": False},
        {"path": "/other", "service": "web", "hosts": ["closed.test"]},
    )
    async with recorder() as service, door(folder, suite, {"web": (service.port,)}) as made:
        yield made, service


async def hostile_tries(made: Door, service: Recorder, folder: Path) -> list[Row]:
    """Headers, methods, hosts, tokens and smuggled requests."""
    assert isinstance(made.gateway.port, int)
    port = made.gateway.port
    shown = (f"authorization: Bearer {made.token()}",)
    return [
        *await hostile.headers(port, service, "/open"),
        *await hostile.headers(port, service, "/secret", shown),
        *await hostile.overridden(port, service, "/secret"),
        *await hostile.methods(port, service, "/secret"),
        *await hostile.hosts(port, service, "closed.test", "/other"),
        *await tokens(made, service, "/secret"),
        *await hostile.smuggle(port, service),
        *await smuggled_to_nginx(folder / "nginx"),
    ]


async def smuggled_to_nginx(folder: Path) -> list[Row]:
    """The same requests before a service that reads them as nginx does."""
    suite = suite_of(
        {"path": "/open", "service": "web", "auth_required": False, "methods": ["GET", "POST"]},
        {"path": "/secret", "service": "web"},
    )
    nginx = folder / "service"
    async with (
        backends.nginx(nginx) as port,
        door(folder / "gateway", suite, {"web": (port,)}) as made,
    ):
        assert isinstance(made.gateway.port, int)
        return await hostile.smuggle(made.gateway.port, lambda: backends.nginx_log(nginx))


async def http2_cases(made: Door, service: Recorder, folder: Path) -> list[Verdict]:
    """Beside a bare Envoy before the same service."""
    assert isinstance(made.gateway.port, int)
    with ExitStack() as stack:
        bare = stack.enter_context(bare_envoy(folder / "bare", service.port))
        return await compare(made.gateway.port, bare.port)
