"""What the portal's pages work with: who is here, and what all of their pages have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response

from intertie.api.login.desk import LoginDesk
from intertie.api.login.wire import Visit
from intertie.api.portal import sheet
from intertie.api.portal.document import Source
from intertie.identity.audit import Actor
from intertie.identity.identities import Identities
from intertie.identity.principal import Principal

if TYPE_CHECKING:  # its library is large, and only who counts needs it
    from intertie.gateway.authz.usage import Used


class Usage(Protocol):
    """Asks how much a client such as `user:3f9a` has used of its limits."""

    async def __call__(self, client: str, tenant: str, /) -> "Sequence[Used]":
        """One for each limit."""
        ...


_FRESH_S = 900.0
"""Who makes a way in that lasts must have come in not longer ago than this."""


@dataclass(frozen=True, slots=True)
class Portal:
    """What there is to show."""

    desk: LoginDesk
    identities: Identities
    document: Source
    usage: Usage | None = None

    def path(self, rest: str = "") -> str:
        """Of a page."""
        return self.desk.path(f"portal/{rest}" if rest else "portal")


@dataclass(frozen=True, slots=True)
class Guest:
    """A user who is logged in, and its request."""

    portal: Portal
    visit: Visit
    principal: Principal
    is_fresh: bool
    """Has logged in lately."""

    @property
    def actor(self) -> Actor:
        """As the audit trail names it."""
        name = f"{self.principal.tenant}/user:{self.principal.name}"
        return Actor(name, "portal", self.visit.address)

    @property
    def again(self) -> str:
        """Where one logs in anew and comes back."""
        return f"{login_url(self.visit, self.portal.path())}&again=1"

    def page(self, title: str, *body: str, status: int = 200, script: str = "") -> Response:
        """A page with the way to all others."""
        path = self.portal.path
        links = [(path(), "API keys"), (path("api"), "API")]
        if self.portal.usage is not None:
            links.insert(1, (path("usage"), "Usage"))
        name = f"{sheet.text(self.principal.name)}, {sheet.text(self.principal.tenant)}"
        out = f' · <a href="{sheet.text(self.portal.desk.path("logout"))}">Log out</a>'
        text = sheet.page(title, *body, nav=sheet.nav(links, name, out), script=script)
        response = HTMLResponse(text, status)
        return self.visit.answered(response, policy=sheet.policy(script))


async def guest(portal: Portal, visit: Visit) -> Guest | None:
    """Whose browser it is; None of nobody who is logged in."""
    principal = await portal.desk.sessions.lookup(visit.cookie_header)
    session = await portal.desk.sessions.find(visit.cookie_header)
    if principal is None or session is None:
        return None
    age_s = portal.desk.tools.now().timestamp() - session.started
    return Guest(portal, visit, principal, is_fresh=age_s <= _FRESH_S)


def login_url(visit: Visit, back: str) -> str:
    """Where one logs in to come to a page of ours."""
    return f"{visit.desk.path('login')}?return_to={quote(back, safe='/')}"
