"""The login pages as one ASGI application."""

import logging
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.api.login import doors, entry, out, pages, self_service
from intertie.api.login.desk import LoginDesk
from intertie.api.login.wire import Visit
from intertie.errors import AccessDeniedError, IntertieError, StoreError
from intertie.identity.sso import LoginRefusedError, ProviderError, TooManyTriesError

log = logging.getLogger(__name__)

Handler = Callable[[Visit], Awaitable[Response]]

_GET: dict[str, Handler] = {
    "login": doors.show_login,
    "start/{provider}": doors.start,
    "callback/{provider}": doors.callback,
    "saml/{provider}/metadata": doors.metadata,
    "saml/{provider}/in": doors.enter_by_assertion,
    "second": entry.show_second,
    "logout": out.show_logout,
    "logged-out": out.logged_out,
    "logout/front/{provider}": out.by_front_channel,
    "me": self_service.me,
    "passkeys": self_service.show_passkeys,
}
_POST: dict[str, Handler] = {
    "login": doors.take_login,
    "saml/{provider}/acs": doors.consume_assertion,
    "second": entry.take_second,
    "logout": out.take_logout,
    "logout/back/{provider}": out.by_back_channel,
    "passkeys": self_service.add_passkey,
}


def login_routes(desk: LoginDesk) -> list[Route]:
    """All pages below `login_path`, to stand beside the token issuer's."""
    paths = sorted({*_GET, *_POST})
    return [
        Route(
            desk.path(path),
            _endpoint(desk, _GET.get(path), _POST.get(path)),
            methods=[name for name, table in (("GET", _GET), ("POST", _POST)) if path in table],
        )
        for path in paths
    ]


def _endpoint(
    desk: LoginDesk, get: Handler | None, post: Handler | None
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = Visit(desk, request)
        handler = post if request.method == "POST" else get
        assert handler is not None  # noqa: S101 — the route knows its methods
        try:
            return await handler(visit)
        except IntertieError as exc:
            return _failed(visit, exc)

    return answer


def _failed(visit: Visit, exc: IntertieError) -> Response:
    status = _status(exc)
    told = str(exc)
    if status >= 500:  # noqa: PLR2004 — a server's own fault, by the first digit
        log.warning("login failed", extra={"why": told, "path": visit.request.url.path})
    if isinstance(exc, StoreError):
        told = "cannot log in: our storage does not answer; try again in a minute"
    again = pages.link(visit.desk.path("login"), "Log in again", quiet=True)
    response = visit.html(pages.page("That did not work", pages.alert(told), again), status=status)
    if isinstance(exc, TooManyTriesError):
        response.headers["retry-after"] = str(max(1, round(exc.retry_after_s)))
    return response


def _status(exc: IntertieError) -> int:
    match exc:
        case TooManyTriesError():
            return 429
        case LoginRefusedError() | AccessDeniedError():
            return 403
        case ProviderError():
            return 502
        case StoreError():
            return 503
        case _:
            return 400
