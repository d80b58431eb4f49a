"""What the authorizer is told in `authz.json`, and how a change of that file is taken."""

import logging
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from anyio import TASK_STATUS_IGNORED, sleep, to_thread
from anyio.abc import TaskStatus
from pydantic import Field, ValidationError

from intertie.errors import GatewayError
from intertie.suite.identity import TenantRates
from intertie.suite.limits import RateLimiting, Windows
from intertie.suite.openapi import OpenApiImport
from intertie.suite.values import Count, Model

Credential = Literal["key", "signature", "session", "token"]

GENERATION = "/generation"
"""Of the authorizer: the digest of the settings in use."""
MAX_FILE_BYTES = 64 * 1024 * 1024
_LOOK_S = 0.1

log = logging.getLogger(__name__)


class RouteSettings(Model):
    """What one route asks of a request."""

    auth: tuple[Credential, ...] = ("key", "session", "token")
    """What may be shown; nothing at all is an open route."""
    optional: bool = False
    """A request that shows nothing passes, as nobody; one that shows something wrong does not."""
    preflight: bool = False
    """CORS preflights pass without credentials, counted by themselves: what is behind answers."""
    roles: tuple[str, ...] = ()
    """One of them is needed."""
    scopes: tuple[str, ...] = ()
    """All of them are needed of a key or token that has any."""
    limited: bool = True
    """Whether requests are counted at all."""
    rate_limit: Windows | None = None
    """In place of the rates that hold for all routes."""
    pages: tuple[str, ...] | None = None
    """Hosts of pages, beside our own, that may open a WebSocket by a session; None looks at no
    page: the route has none."""
    document: str = ""
    """Its requests are held against this one of `documents`; Envoy sends their bodies along."""


class AuthzSettings(Model):
    """The whole file."""

    routes: dict[str, RouteSettings] = Field(default={})
    """By the name that Envoy's route has. What is not here is refused."""
    limits: RateLimiting | None = None
    """None counts nothing."""
    tenants: dict[str, TenantRates] = Field(default={})
    """Rates of whole tenants."""
    session_cookies: tuple[str, ...] = ("__Host-intertie", "intertie")
    """Taken out of what services get."""
    login_url: str | None = None
    """Where a browser without a session is sent; None answers 401 to it too."""
    documents: dict[str, OpenApiImport] = Field(default={})
    """Their files are beside this one, in a folder of each."""
    max_body_bytes: Count = 1_048_576
    """Of a request that is held against a document."""
    log_sample: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The part of the requests let in that is logged."""


def parse(text: str | bytes) -> AuthzSettings:
    """Raises GatewayError for text that is not such a file."""
    try:
        return AuthzSettings.model_validate_json(text)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise GatewayError(
            f"cannot use the authorizer's settings: {place}: {first['msg']}"
        ) from None


def digest(settings: AuthzSettings) -> str:
    """By which others tell which settings are in use."""
    return sha256(settings.model_dump_json(exclude_defaults=True).encode()).hexdigest()


async def load(path: Path) -> AuthzSettings:
    """Raises GatewayError if the file is missing, too large or broken."""

    def read() -> bytes:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)

    try:
        data = await to_thread.run_sync(read)
    except OSError as exc:
        raise GatewayError(f"cannot read the authorizer's settings: {exc}") from exc
    if len(data) > MAX_FILE_BYTES:
        raise GatewayError(f"cannot use the authorizer's settings: {path} is too large")
    return parse(data)


async def follow(
    path: Path,
    taken: Callable[[AuthzSettings], None],
    *,
    prepare: Callable[[AuthzSettings], Awaitable[None]] | None = None,
    task_status: TaskStatus[None] = TASK_STATUS_IGNORED,
) -> None:
    """Hand each new file on; of a broken one say so, once, and let the old settings hold.

    `prepare` is waited for before; what it refuses by GatewayError is broken, too.
    """
    known = await to_thread.run_sync(_mark, path)
    task_status.started()
    while True:
        await sleep(_LOOK_S)
        mark = await to_thread.run_sync(_mark, path)
        if mark == known:
            continue
        known = mark
        try:
            settings = await load(path)
            if prepare is not None:
                await prepare(settings)
            taken(settings)
        except GatewayError as exc:
            log.error("authorizer settings refused", extra={"reason": str(exc)})
        else:
            log.info("authorizer settings taken", extra={"path": str(path)})


def _mark(path: Path) -> tuple[int, int, int] | None:
    """Differs for each file that was put there by a rename."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
