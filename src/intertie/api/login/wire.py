"""Requests to the login pages, as far as they are believed, and the answers with their headers."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from intertie.api.login import pages
from intertie.api.login.desk import LoginDesk
from intertie.errors import StoreError
from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.redirects import safe_return
from intertie.suite.values import DEFAULT_TENANT

_MAX_FORM = 65536
_MOST_FIELDS = 40
_MAX_ADDRESS = 64
_CSRF = "csrf"
_PURPOSE = "login form"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, and what is set in the browser by the answer."""

    desk: LoginDesk
    request: Request
    cookies: list[str] = field(default_factory=list)

    @property
    def cookie_header(self) -> str | None:
        """As the browser sent it; several are one (RFC 9113, 8.2.3)."""
        return "; ".join(self.request.headers.getlist("cookie")) or None

    @property
    def origin(self) -> str:
        """Where the browser thinks it is: our address, or that of a tenant. Never another."""
        settings = self.desk.settings
        host = self.request.headers.get("host", "")
        if self.desk.accounts.tenant_of(host) is None:
            return settings.origin
        return f"{settings.origin.partition('://')[0]}://{host.rstrip('.').lower()}"

    @property
    def tenant(self) -> str | None:
        """Whose host was asked; None is nobody's in particular."""
        return self.desk.accounts.tenant_of(self.request.headers.get("host", ""))

    @property
    def address(self) -> str:
        """Of the client."""
        name = self.desk.settings.address_header
        told = self.request.headers.get(name, "") if name else ""
        peer = self.request.client.host if self.request.client else ""
        return (told or peer)[:_MAX_ADDRESS]

    @property
    def own_tenant(self) -> str:
        """That of passwords tried here."""
        return self.tenant or DEFAULT_TENANT

    def return_to(self, fields: Mapping[str, str]) -> str:
        """Where the browser wants to go afterwards; a path of ours."""
        return safe_return(fields.get("return_to"), self.origin)

    def form_mark(self) -> str:
        """The field that shows a form to be ours. The browser holds its other half."""
        seed = self.desk.cookies.read(self.cookie_header, _CSRF)
        if seed is None:
            seed = _new_seed()
            self.cookies.append(self.desk.cookies.set(seed, suffix=_CSRF))
        code = self.desk.tools.sealer.code(seed.encode(), purpose=_PURPOSE)
        return pages.hidden(mark=code)

    async def form(self) -> dict[str, str]:
        """The fields of a form of ours. Raises LoginRefusedError for one of somebody else."""
        fields = await self.foreign_form(_MAX_FORM)
        headers = self.request.headers
        origin = headers.get("origin")
        if origin is not None and origin != self.origin:
            raise LoginRefusedError(_FORGED)
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise LoginRefusedError(_FORGED)
        if not self._is_ours(fields.get("mark", "")):
            raise LoginRefusedError(_FORGED)
        return fields

    def _is_ours(self, mark: str) -> bool:
        seed = self.desk.cookies.read(self.cookie_header, _CSRF)
        if seed is None:
            return False
        try:
            return self.desk.tools.sealer.proves(seed.encode(), mark, purpose=_PURPOSE)
        except StoreError:  # of a key that is not ours
            return False

    async def foreign_form(self, limit: int) -> dict[str, str]:
        """The fields of a form that others may send. Raises LoginRefusedError."""
        kind = self.request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise LoginRefusedError("cannot read the form: it is of an unknown kind")
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > limit:
                raise LoginRefusedError("cannot read the form: it is too long")
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except ValueError as exc:
            raise LoginRefusedError("cannot read the form: it is faulty") from exc
        return once_each(pairs)

    def query(self) -> dict[str, str]:
        """Of the address. Raises LoginRefusedError when one is there twice."""
        return once_each(self.request.query_params.multi_items())

    def html(
        self, text: str, *, status: int = 200, script: bool = False, form_to: str = ""
    ) -> Response:
        """A page."""
        policy = pages.policy(script=script, form_to=form_to)
        return self.answered(HTMLResponse(text, status), policy=policy)

    def redirect(self, url: str) -> Response:
        """On to somewhere that is known to be right."""
        return self.answered(RedirectResponse(url, 303))

    def onward(self, url: str) -> Response:
        """The same after a form."""
        text = pages.page("One moment", pages.link(url, "Continue"), head=pages.onward(url))
        return self.html(text)

    def answered(self, response: Response, *, policy: str = "") -> Response:
        """With the headers that each answer has."""
        response.headers.update(
            {
                "cache-control": "no-store",
                "content-security-policy": policy or "default-src 'none'; frame-ancestors 'none'",
                "referrer-policy": "same-origin",
                "x-content-type-options": "nosniff",
                "cross-origin-opener-policy": "same-origin",
            }
        )
        for cookie in self.cookies:
            response.headers.append("set-cookie", cookie)
        return response


_FORGED = (
    "cannot take the form: it does not come from this page, or the browser keeps no cookies;"
    " allow cookies for this site, load the page anew and try again"
)


def once_each(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """As a dictionary. Raises LoginRefusedError when a name is there twice."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise LoginRefusedError(f"cannot read the request: {name[:40]!r} is there twice")
        found[name] = value
    return found


def _new_seed() -> str:
    return secrets.token_urlsafe(16)
