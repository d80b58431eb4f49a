"""The ways out: here, at the provider, and when the provider says so."""

import secrets

from starlette.responses import JSONResponse, Response

from intertie.api.login import pages
from intertie.api.login.wire import Visit
from intertie.errors import AccessDeniedError
from intertie.identity.sso import ProviderError
from intertie.identity.sso.renewal import open_tokens
from intertie.identity.sso.saml import origin
from intertie.identity.sso.sessions import Session

_MAX_TOKEN = 32768


async def show_logout(visit: Visit) -> Response:
    """Asks, for a link on another site must not log anybody out."""
    session = await visit.desk.sessions.find(visit.cookie_header)
    if session is None:
        return _gone(visit)
    action, mark = visit.desk.path("logout"), visit.form_mark()
    body = (
        pages.form(action, mark, button="Log out"),
        pages.form(
            action, mark, pages.hidden(everywhere="1"), button="Log out everywhere", quiet=True
        ),
    )
    return visit.html(pages.page("Log out", *body))


async def take_logout(visit: Visit) -> Response:
    """Ends the session here, then sends the browser to the provider to end it there."""
    fields = await visit.form()
    session = await visit.desk.sessions.find(visit.cookie_header)
    visit.cookies.append(visit.desk.sessions.cleared())
    if session is None:
        return _gone(visit)
    await visit.desk.sessions.end(session.key)
    if "everywhere" in fields:
        await visit.desk.sessions.end_of_user(session.user)
    there = await _at_provider(visit, session)
    return visit.onward(there) if there else _gone(visit)


async def logged_out(visit: Visit) -> Response:
    """Back from the provider."""
    return _gone(visit)


async def by_back_channel(visit: Visit) -> Response:
    """A provider ends sessions (OpenID Connect Back-Channel Logout)."""
    name = str(visit.request.path_params["provider"])
    provider = visit.desk.oidc.get(name)
    try:
        if provider is None:
            raise AccessDeniedError("cannot log out: there is no such provider")
        fields = await visit.foreign_form(_MAX_TOKEN)
        ended = await provider.ended(fields.get("logout_token", ""))
        if not await visit.desk.once.claim("logout", f"{name} {ended.jti}", ended.until):
            raise AccessDeniedError("cannot log out: this logout token was used before")
    except (AccessDeniedError, ProviderError) as exc:
        told = {"error": "invalid_request", "error_description": str(exc)}
        return visit.answered(JSONResponse(told, 400))
    if ended.sid:
        await visit.desk.sessions.end_by_sid(name, ended.sid)
    else:
        await visit.desk.sessions.end_by_subject(name, ended.subject)
    return visit.answered(Response(status_code=200))


async def by_front_channel(visit: Visit) -> Response:
    """A provider's page ends a session in a frame (OpenID Connect Front-Channel Logout).

    Cookies are not shown in such a frame, so the provider must name its session.
    """
    name = str(visit.request.path_params["provider"])
    provider, asked = visit.desk.oidc.get(name), visit.query()
    if provider is None or not provider.is_issuer(asked.get("iss", "")) or not asked.get("sid"):
        return visit.answered(Response("no such session", 400, media_type="text/plain"))
    await visit.desk.sessions.end_by_sid(name, asked["sid"])
    policy = pages.policy(framed_by=origin(provider.settings.issuer))
    return visit.answered(Response("", media_type="text/html"), policy=policy)


async def _at_provider(visit: Visit, session: Session) -> str | None:
    provider = visit.desk.oidc.get(session.provider)
    if provider is None:
        return None
    held = open_tokens(visit.desk.tools.sealer, session)
    back = f"{visit.origin}{visit.desk.path('logged-out')}"
    try:
        return await provider.logout_address(held.id_token, back, secrets.token_urlsafe(16))
    except ProviderError:
        return None  # it ends here, whether or not the provider can be asked


def _gone(visit: Visit) -> Response:
    again = pages.link(visit.desk.path("login"), "Log in", quiet=True)
    return visit.html(pages.page("You are logged out", again))
