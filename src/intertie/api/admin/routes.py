"""The admin page as routes of the management API, below `/admin`.

Who signs in shows the management key, or a token or API key with a role of `api.roles`; each
request is judged anew by what was shown, so that what is revoked opens nothing here either.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from intertie.api import problem
from intertie.api.admin import overview, people
from intertie.api.admin.sessions import COOKIE, Sessions
from intertie.api.admin.wire import (
    ROOT,
    Caller,
    answered,
    control_of,
    form,
    identify,
    set_cookie,
)
from intertie.api.login import pages
from intertie.api.portal import sheet
from intertie.errors import IntertieError

Handler = Callable[[Caller], Awaitable[Response]]

_GET: dict[str, Handler] = {
    "": overview.services,
    "/routes": overview.routes,
    "/people": people.people,
    "/audit": people.audit,
}
_POST: dict[str, Handler] = {
    "/services/{name}/{verb}": overview.act,
    "/changes/{id}/abort": overview.abort,
    "/users/{id}/{verb}": people.act_on_user,
    "/keys/{id}/revoke": people.revoke,
}
_WRONG = "cannot sign in: the key is wrong, has ended, or has no role that allows it; try again"
_MAX_KEY = 16 * 1024


def routes(sessions: Sessions | None = None) -> list[Route]:
    """All pages. Who has signed in is known until the daemon ends."""
    kept = sessions or Sessions()
    doors = [Route(f"{ROOT}/{{door}}{p}", _page(kept, h)) for p, h in _GET.items()]
    deeds = [
        Route(f"{ROOT}/{{door}}{path}", _deed(kept, handler), methods=["POST"])
        for path, handler in {**_POST, "/out": _out(kept)}.items()
    ]
    return [
        Route(ROOT, _show, methods=["GET"]),
        Route(ROOT, _sign_in(kept), methods=["POST"]),
        *deeds,
        *doors,
    ]


async def _show(_: Request) -> Response:
    return _form("")


def _form(fault: str, status: int = 200) -> Response:
    line = (
        '<label for="key">Management key, token or API key</label><input id="key" name="key"'
        ' type="password" autocomplete="off" required autofocus>'
    )
    told = pages.paragraph("The management key is in .intertie/run/api.token.")
    body = sheet.section("Who are you?", told, pages.form(ROOT, line, button="Sign in"))
    return answered(HTMLResponse(sheet.page("Sign in", pages.alert(fault), body), status))


def _sign_in(sessions: Sessions) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            shown = (await form(request)).get("key", "").strip()
        except IntertieError as exc:
            return _form(str(exc), problem.of(exc).status)
        authorization = f"Bearer {shown}"
        actor = identify(request, authorization)
        if not shown or len(shown) > _MAX_KEY or not actor.is_known or not actor.reach.manages:
            return _form(_WRONG, HTTPStatus.FORBIDDEN)
        session = sessions.begin(authorization)
        response = answered(RedirectResponse(f"{ROOT}/{session.door}", 303))
        set_cookie(response, request, session)
        return response

    return answer


def _caller(sessions: Sessions, request: Request) -> Caller | None:
    number = request.cookies.get(COOKIE, "")
    session = sessions.find(str(request.path_params["door"]), number)
    if session is None:
        return None
    actor = identify(request, session.authorization)
    if not actor.is_known:
        sessions.end(session)
        return None
    return Caller(request, control_of(request), session, actor)


def _page(sessions: Sessions, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        caller = _caller(sessions, request)
        if caller is None:
            return answered(RedirectResponse(ROOT, 303))
        return await _told(caller, handler)

    return answer


def _deed(sessions: Sessions, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def checked(caller: Caller) -> Response:
        await caller.check_form()
        return await handler(caller)

    return _page(sessions, checked)


def _out(sessions: Sessions) -> Handler:
    async def answer(caller: Caller) -> Response:
        sessions.end(caller.session)
        return answered(RedirectResponse(ROOT, 303))

    return answer


async def _told(caller: Caller, handler: Handler) -> Response:
    """The answer, or why there is none."""
    try:
        return await handler(caller)
    except IntertieError as exc:
        told = pages.alert(str(exc))
        return caller.page("That did not work", told, status=problem.of(exc).status)
