"""The login pages, as the token issuer's endpoints ask for them."""

from datetime import UTC, datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from intertie.api.login.desk import LoginDesk
from intertie.api.login.wire import Visit
from intertie.api.oauth.server import LoggedIn
from intertie.identity.sso.redirects import safe_return


class SessionLogin:
    """See `oauth.server.Login`."""

    def __init__(self, desk: LoginDesk) -> None:
        self._desk = desk

    async def current(self, request: Request) -> LoggedIn | None:
        """See Login."""
        header = Visit(self._desk, request).cookie_header
        principal = await self._desk.sessions.lookup(header)
        session = await self._desk.sessions.find(header)
        if principal is None or session is None:
            return None
        user = await self._desk.accounts.user(session.user)
        return LoggedIn(
            principal,
            sid=session.key,
            auth_time=datetime.fromtimestamp(session.started, UTC),
            email=user.email if user.email_verified else "",
        )

    def login_url(self, return_to: str) -> str:
        """See Login."""
        path = safe_return(return_to, self._desk.settings.origin)
        asked = urlencode({"return_to": path, "again": "1"})
        return f"{self._desk.path('login')}?{asked}"

    async def log_out(self, request: Request, response: Response) -> None:
        """See Login."""
        session = await self._desk.sessions.find(Visit(self._desk, request).cookie_header)
        if session is not None:
            await self._desk.sessions.end(session.key)
        response.headers.append("set-cookie", self._desk.sessions.cleared())
