"""From "this is who it is" to a session: second factors, setting one up, and going on."""

import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from starlette.responses import Response

from intertie.api.login import pages
from intertie.api.login.wire import Visit
from intertie.errors import AccessDeniedError, IntertieError, NotFoundError
from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.accounts import Factor, Factors
from intertie.identity.sso.flows import AGAIN
from intertie.identity.sso.sessions import Session
from intertie.identity.users import User

if TYPE_CHECKING:
    from collections.abc import Mapping

_STEP = "step"
_LIFETIME_S = 600.0
_MAX_AGENT = 120
_STRONG = frozenset({"mfa", "hwk", "passkey"})
_TITLE = "One more step"
_LABELS: "Mapping[Factor, str]" = {
    "totp": "Code of your app, or a recovery code",
    "sms": "Code of the text message",
    "email": "Code of the e-mail",
}


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A login that only lacks its second factor."""

    number: str
    session: Session
    return_to: str


async def enter(visit: Visit, user: User, session: Session, return_to: str) -> Response:
    """Go on with somebody who proved to be `user`: to the second factor, or in."""
    begun = replace(
        session,
        user=user.id,
        tenant=user.tenant,
        epoch=user.epoch,
        agent=visit.request.headers.get("user-agent", "")[:_MAX_AGENT],
    )
    _check_tenant(visit, user)
    factors = await visit.desk.accounts.factors(user)
    if not factors.asked or not _STRONG.isdisjoint(session.methods):
        return await _finish(visit, begun, return_to)
    number = secrets.token_urlsafe(32)
    until = visit.desk.tools.now().timestamp() + _LIFETIME_S
    kept = {"session": asdict(begun), "return_to": return_to}
    await visit.desk.once.keep(_STEP, number, kept, until)
    visit.cookies.append(visit.desk.cookies.set(number, suffix=_STEP, max_age_s=_LIFETIME_S))
    return _on(visit, visit.desk.path("second"))


async def show_second(visit: Visit) -> Response:
    """What else is asked for."""
    waiting, user = await _waiting(visit)
    return await _ask(visit, waiting, user)


async def take_second(visit: Visit) -> Response:
    """A code, a passkey, or the wish for a code."""
    fields = await visit.form()
    waiting, user = await _waiting(visit)
    accounts = visit.desk.accounts
    factors = await accounts.factors(user)
    method = _method(fields.get("method", ""), factors)
    try:
        if "send" in fields:
            await accounts.send_code(user, method, address=visit.address)
            return await _ask(visit, waiting, user, sent=method)
        if not factors.ready:
            return await _set_up(visit, waiting, user, fields.get("code", ""))
        if method == "passkey":
            answer = fields.get("answer", "")
            await accounts.check_passkey(user, answer, address=visit.address)
        else:
            code = fields.get("code", "")
            await accounts.check_code(user, method, code, address=visit.address)
    except AccessDeniedError as exc:
        return await _ask(visit, waiting, user, fault=str(exc))
    return await _proven(visit, waiting, method)


async def _proven(visit: Visit, waiting: _Waiting, method: str) -> Response:
    await _use_up(visit, waiting)
    methods = (*waiting.session.methods, "passkey" if method == "passkey" else "otp", "mfa")
    session = replace(waiting.session, methods=methods)
    return await _finish(visit, session, waiting.return_to)


async def _set_up(visit: Visit, waiting: _Waiting, user: User, code: str) -> Response:
    """The first second factor of somebody who must have one."""
    accounts = visit.desk.accounts
    codes = await accounts.confirm_totp(user, code, address=visit.address)
    await _use_up(visit, waiting)
    now = await accounts.user(user.id)
    methods = (*waiting.session.methods, "otp", "mfa")
    session = replace(waiting.session, epoch=now.epoch, methods=methods)
    await _start(visit, session)
    told = "Keep these recovery codes: each lets you in once, should you lose the app."
    body = (pages.paragraph(told), pages.bullets(codes), pages.link(waiting.return_to, "Continue"))
    return visit.html(pages.page("Recovery codes", *body))


async def _ask(
    visit: Visit, waiting: _Waiting, user: User, *, fault: str = "", sent: Factor | None = None
) -> Response:
    factors = await visit.desk.accounts.factors(user)
    status = 403 if fault else 200
    if not factors.ready:
        return visit.html(await _setup_page(visit, user, fault), status=status)
    action, mark = visit.desk.path("second"), visit.form_mark()
    body = [pages.alert(fault)]
    for method in factors.ready:
        if method == "passkey":
            options = await visit.desk.accounts.passkey_options(user)
            extra = mark + pages.hidden(method=method)
            body.append(pages.passkey(action, extra, options, button="Use a passkey"))
        elif method in {"totp", sent}:
            body.append(_code_form(action, mark, method))
        else:
            extra = mark + pages.hidden(method=method, send="1")
            told = "text message" if method == "sms" else "e-mail"
            body.append(pages.form(action, extra, button=f"Send a code by {told}", quiet=True))
    text = pages.page(_TITLE, *body, script="passkey" in factors.ready)
    return visit.html(text, status=status, script="passkey" in factors.ready)


def _code_form(action: str, mark: str, method: Factor) -> str:
    label = _LABELS[method]
    line = pages.field("code", label, complete="one-time-code")
    return pages.form(action, mark, pages.hidden(method=method), line, button="Go on")


async def _setup_page(visit: Visit, user: User, fault: str) -> str:
    accounts = visit.desk.accounts
    if not accounts.may_use("totp"):
        raise LoginRefusedError(
            "cannot log in: a second factor is needed, and none is set up for you;"
            " ask an administrator to set one up"
        )
    made = await accounts.begin_totp(user, address=visit.address)
    told = "You need a second factor. Add this key to an authenticator app, then type its code."
    line = pages.field("code", "Code of your app", complete="one-time-code")
    action = visit.desk.path("second")
    return pages.page(
        "Set up a second factor",
        pages.alert(fault),
        pages.paragraph(told),
        pages.bullets([made.secret]),
        pages.link(made.uri, "Open the app on this device", quiet=True),
        pages.form(action, visit.form_mark(), pages.hidden(method="totp"), line, button="Go on"),
    )


async def _waiting(visit: Visit) -> tuple[_Waiting, User]:
    number = visit.desk.cookies.read(visit.cookie_header, _STEP)
    kept = await visit.desk.once.peek(_STEP, number) if number else None
    if number is None or kept is None:
        raise LoginRefusedError(f"cannot log in: that took too long, or was done before; {AGAIN}")
    session = Session(**kept["session"])
    session = replace(session, methods=tuple(session.methods))
    try:
        user = await visit.desk.accounts.user(session.user)
    except NotFoundError as exc:
        raise LoginRefusedError(f"cannot log in: the user is gone; {AGAIN}") from exc
    if user.epoch != session.epoch or not user.enabled:
        raise LoginRefusedError(f"cannot log in: the user was changed meanwhile; {AGAIN}")
    return _Waiting(number, session, kept["return_to"]), user


async def _use_up(visit: Visit, waiting: _Waiting) -> None:
    if await visit.desk.once.take(_STEP, waiting.number) is None:
        raise LoginRefusedError(f"cannot log in: this was done before; {AGAIN}")
    visit.cookies.append(visit.desk.cookies.clear(_STEP))


async def _finish(visit: Visit, session: Session, return_to: str) -> Response:
    await _start(visit, session)
    return _on(visit, return_to)


async def _start(visit: Visit, session: Session) -> None:
    desk = visit.desk
    if await desk.accounts.present(session.user, session.epoch) is None:
        raise LoginRefusedError(f"cannot log in: the user was changed meanwhile; {AGAIN}")
    cookie = await desk.sessions.start(
        session,
        cookie_header=visit.cookie_header,
        duration_s=desk.accounts.session_duration(session.tenant),
    )
    visit.cookies.append(cookie)


def _on(visit: Visit, path: str) -> Response:
    return visit.onward(path) if visit.request.method == "POST" else visit.redirect(path)


def _check_tenant(visit: Visit, user: User) -> None:
    if visit.tenant is not None and visit.tenant != user.tenant:
        raise LoginRefusedError("cannot log in: this address is for users of another tenant")


def _method(told: str, factors: Factors) -> Factor:
    for each in factors.ready:
        if each == told:
            return each
    if factors.ready:
        raise IntertieError("cannot go on: this second factor is not set up; choose another one")
    return "totp"
