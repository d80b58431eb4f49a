"""What somebody who is logged in sees of itself: who it is, and its passkeys."""

from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from intertie.api.login import pages
from intertie.api.login.wire import Visit
from intertie.errors import IntertieError
from intertie.identity.sso import LoginRefusedError
from intertie.identity.users import User

_FRESH_S = 900.0
"""Who adds a way in must have come in not longer ago than this."""


async def me(visit: Visit) -> Response:
    """Who the browser's user is, as JSON."""
    header = visit.cookie_header
    principal = await visit.desk.sessions.lookup(header)
    session = await visit.desk.sessions.find(header)
    if principal is None or session is None:
        told = {"error": "not_logged_in", "login": visit.desk.path("login")}
        return visit.answered(JSONResponse(told, 401))
    return visit.answered(
        JSONResponse(
            {
                "id": principal.id,
                "name": principal.name,
                "tenant": principal.tenant,
                "roles": principal.roles,
                "groups": principal.groups,
                "provider": session.provider,
                "methods": session.methods,
                "logged_in": datetime.fromtimestamp(session.started, UTC).isoformat(),
                "ends": datetime.fromtimestamp(session.ends, UTC).isoformat(),
            }
        )
    )


async def show_passkeys(visit: Visit) -> Response:
    """Offers to add one."""
    user = await _recent(visit)
    return await _passkeys(visit, user)


async def add_passkey(visit: Visit) -> Response:
    """What the browser made."""
    fields = await visit.form()
    user = await _recent(visit)
    name, answer = fields.get("name", ""), fields.get("answer", "")
    try:
        await visit.desk.accounts.add_passkey(user, answer, name, address=visit.address)
    except IntertieError as exc:
        return await _passkeys(visit, user, fault=str(exc))
    back = pages.link("/", "Continue")
    return visit.html(pages.page("The passkey is yours", back))


async def _passkeys(visit: Visit, user: User, *, fault: str = "") -> Response:
    if not visit.desk.accounts.may_use("passkey"):
        raise LoginRefusedError("cannot add a passkey: this suite does not use them")
    options = await visit.desk.accounts.new_passkey_options(user)
    line = pages.field("name", "Name of this device", value="passkey")
    extra = visit.form_mark() + line
    action = visit.desk.path("passkeys")
    form = pages.passkey(action, extra, options, button="Add a passkey", new=True)
    text = pages.page("Passkeys", pages.alert(fault), form, script=True)
    return visit.html(text, status=403 if fault else 200, script=True)


async def _recent(visit: Visit) -> User:
    session = await visit.desk.sessions.find(visit.cookie_header)
    moment = visit.desk.tools.now().timestamp()
    if session is None or moment - session.started > _FRESH_S:
        raise LoginRefusedError("cannot add a passkey: log in anew, then come back at once")
    return await visit.desk.accounts.user(session.user)
