"""The portal as routes below `login_path`, beside the login pages."""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.api.login import pages
from intertie.api.login.desk import LoginDesk
from intertie.api.login.wire import Visit
from intertie.api.portal import docs, keys
from intertie.api.portal import usage as used
from intertie.api.portal.desk import Guest, Portal, Usage, guest, login_url
from intertie.api.portal.document import Source
from intertie.errors import (
    AccessDeniedError,
    BusError,
    ConflictError,
    IntertieError,
    NotFoundError,
    StoreError,
)
from intertie.identity.identities import Identities

log = logging.getLogger(__name__)

Handler = Callable[[Guest], Awaitable[Response]]

_GET: dict[str, Handler] = {
    "": keys.show,
    "api": docs.index,
    "api/operation": docs.operation,
    "openapi.json": docs.raw,
}
_POST: dict[str, Handler] = {
    "keys": keys.create,
    "keys/{id}/rotate": keys.rotate,
    "keys/{id}/revoke": keys.revoke,
    "keys/{id}/remove": keys.remove,
}


def portal_routes(
    desk: LoginDesk, identities: Identities, *, document: Source, usage: Usage | None = None
) -> list[Route]:
    """All pages. Without `usage` there is none of what is left of limits."""
    portal = Portal(desk, identities, document, usage)
    gets = dict(_GET)
    if usage is not None:
        gets["usage"] = partial(_usage, usage)
    return [*_routes(portal, "GET", gets), *_routes(portal, "POST", _POST)]


def _routes(portal: Portal, method: str, table: Mapping[str, Handler]) -> Iterator[Route]:
    for path, handler in table.items():
        yield Route(portal.path(path), _endpoint(portal, handler), methods=[method])


async def _usage(source: Usage, found: Guest) -> Response:
    return await used.show(found, source)


def _endpoint(portal: Portal, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = Visit(portal.desk, request)
        try:
            found = await guest(portal, visit)
            if found is None:
                return _to_login(portal, visit)
            return await _told(handler, found)
        except IntertieError as exc:
            return _failed(portal, visit, exc)

    return answer


def _to_login(portal: Portal, visit: Visit) -> Response:
    url = visit.request.url
    back = f"{url.path}?{url.query}" if url.query else url.path
    # What was posted is gone by then.
    return visit.redirect(
        login_url(visit, back if visit.request.method == "GET" else portal.path())
    )


async def _told(handler: Handler, found: Guest) -> Response:
    """The answer, or what is wrong with the request, on a page with the way to the others."""
    try:
        return await handler(found)
    except IntertieError as exc:
        if _is_ours(exc):
            raise
        return found.page("That did not work", pages.alert(str(exc)), status=_status(exc))


def _failed(portal: Portal, visit: Visit, exc: IntertieError) -> Response:
    log.warning("portal failed", extra={"why": str(exc), "path": visit.request.url.path})
    told = "cannot show the page: our storage does not answer; try again in a minute"
    again = pages.link(portal.path(), "Try again", quiet=True)
    return visit.html(pages.page("That did not work", pages.alert(told), again), status=503)


def _is_ours(exc: IntertieError) -> bool:
    """Whether something here is away: not the fault of who asks, nor to be told in detail."""
    if isinstance(exc, (NotFoundError, ConflictError)):
        return False
    return isinstance(exc, (StoreError, BusError))


def _status(exc: IntertieError) -> int:
    match exc:
        case AccessDeniedError():
            return 403
        case NotFoundError():
            return 404
        case ConflictError():
            return 409
        case _:
            return 400
