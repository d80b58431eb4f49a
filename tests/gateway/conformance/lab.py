"""A gateway with closed places, before each of the services that read paths differently."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gateway.conformance import backends
from tests.gateway.stage import Door, door, suite_of

OPEN = ("/open", "/old", "/api")
SERVICES = ("nginx", "apache", "starlette")


@dataclass(frozen=True, slots=True)
class Closed:
    """A place that the service would show to everybody, and who is not let in."""

    path: str
    roles: tuple[str, ...] | None
    """Of the token that is shown; None shows none."""


CLOSED = (
    Closed("/secret", None),
    Closed("/admin", ("user",)),
    Closed("/inside", ("admin", "user")),
    Closed("/api/secret", None),
)


@dataclass(frozen=True, slots=True)
class Lab:
    """One gateway; the service is chosen by the host."""

    door: Door
    folder: Path
    ports: Mapping[str, int]

    @property
    def port(self) -> int:
        """Of the gateway."""
        assert isinstance(self.door.gateway.port, int)
        return self.door.gateway.port

    def shown(self, closed: Closed) -> tuple[str, ...]:
        """Headers of who may not come in."""
        if closed.roles is None:
            return ()
        return (f"authorization: Bearer {self.door.token(roles=closed.roles)}",)

    def let_in(self, closed: Closed) -> tuple[str, ...]:
        """Headers of who may, where anybody may."""
        return (f"authorization: Bearer {self.door.token(roles=('admin',))}",)


def routes(service: str) -> list[dict[str, Any]]:
    """Of one service: all open but what is closed by token, role or address; some rewritten."""
    said: list[dict[str, Any]] = [
        {"path": "/", "auth_required": False},
        {"path": "/open", "auth_required": False},
        {"path": "/old", "auth_required": False, "rewrite": "/new"},
        {"path": "/api", "auth_required": False, "strip": True},
        {"path": "/api/secret", "strip_prefix": "/api"},
        {"path": "/api/admin", "strip_prefix": "/api", "roles": ["admin"]},
        {"path": "/api/inside", "strip_prefix": "/api", "addresses": {"deny": ["127.0.0.0/8"]}},
        {"path": "/secret"},
        {"path": "/admin", "roles": ["admin"]},
        {"path": "/inside", "addresses": {"deny": ["127.0.0.0/8"]}},
    ]
    return [{**each, "service": service, "hosts": [f"{service}.test"]} for each in said]


@asynccontextmanager
async def lab(folder: Path, *, lenient: bool = False) -> AsyncIterator[Lab]:
    """All of it, running."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        ports = {
            "nginx": await enter(backends.nginx(folder / "nginx")),
            "apache": await enter(backends.apache(folder / "apache")),
            "starlette": await enter(backends.starlette()),
        }
        if lenient:
            ports["lenient"] = await enter(backends.starlette(lenient=True))
        suite = suite_of(*(route for name in ports for route in routes(name)))
        made = await enter(door(folder, suite, {name: (port,) for name, port in ports.items()}))
        yield Lab(made, folder, ports)
