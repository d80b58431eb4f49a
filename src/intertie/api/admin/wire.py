"""Requests to the admin page, as far as they are believed, and answers with their headers."""

from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from intertie.api.admin.sessions import COOKIE, LIFETIME_S, Session
from intertie.api.login import pages
from intertie.api.portal import sheet
from intertie.control.actor import Actor, ForbiddenError
from intertie.control.use_cases import Control
from intertie.errors import IntertieError

ROOT = "/admin"
_MAX_FORM = 16 * 1024
_MOST_FIELDS = 10
_KIND = "application/x-www-form-urlencoded"
_FORGED = "cannot take the form: it does not come from this page; load the page anew and try again"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has signed in, and its request."""

    request: Request
    control: Control
    session: Session
    actor: Actor

    def path(self, rest: str = "") -> str:
        """Of a page."""
        return f"{ROOT}/{self.session.door}{f'/{rest}' if rest else ''}"

    def button(self, action: str, text: str) -> str:
        """A form with nothing to fill in."""
        mark = pages.hidden(mark=self.session.mark)
        return pages.form(self.path(action), mark, button=text)

    def page(self, title: str, *body: str, status: int = 200) -> Response:
        """A page with the way to all others."""
        links = [
            (self.path(), "Services"),
            (self.path("routes"), "Routes"),
            (self.path("people"), "Users and keys"),
            (self.path("audit"), "Audit trail"),
        ]
        nav = sheet.nav(links, sheet.text(self.actor.name), self.button("out", "Sign out"))
        return answered(HTMLResponse(sheet.page(title, *body, nav=nav), status))

    def back(self, rest: str = "") -> Response:
        """To a page, after something was done."""
        return answered(RedirectResponse(self.path(rest), 303))

    async def check_form(self) -> None:
        """Raise ForbiddenError unless it is a form of ours."""
        fields = await form(self.request)
        if not self.session.marks(fields.get("mark", "")):
            raise ForbiddenError(_FORGED)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form that was sent from our own origin. Raises ForbiddenError."""
    headers = request.headers
    own = f"{request.url.scheme}://{headers.get('host', '')}"
    if headers.get("origin", own) != own:
        raise ForbiddenError(_FORGED)
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise ForbiddenError(_FORGED)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != _KIND:
        raise ForbiddenError(_FORGED)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            raise IntertieError("cannot read the form: it is too long")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as exc:
        raise IntertieError("cannot read the form: it is faulty") from exc


def control_of(request: Request) -> Control:
    """The use cases of the running suite."""
    return cast("Control", request.app.state.control)


def identify(request: Request, authorization: str) -> Actor:
    """Who has shown this."""
    address = request.client.host if request.client else ""
    return control_of(request).identify(authorization, via="admin page", address=address)


def set_cookie(response: Response, request: Request, session: Session) -> None:
    """Give the browser its half of the session."""
    response.set_cookie(
        COOKIE,
        session.number,
        max_age=int(LIFETIME_S),
        path=f"{ROOT}/{session.door}",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


def answered(response: Response) -> Response:
    """With the headers that each answer has."""
    response.headers.update(
        {
            "cache-control": "no-store",
            "content-security-policy": sheet.policy(),
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            # The path of a page is half of what opens it. With `no-referrer` browsers would
            # send our own forms with `Origin: null` (Fetch, 3.1).
            "referrer-policy": "same-origin",
            "x-content-type-options": "nosniff",
        }
    )
    return response
