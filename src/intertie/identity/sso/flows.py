"""Logins under way: one sealed cookie each, so that tabs do not disturb each other."""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from intertie.identity.sealed import Sealer
from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.cookies import Cookies
from intertie.identity.sso.once import Once
from intertie.identity.sso.sealing import Json, open_json, seal_json

_PREFIX = "flow-"
_MOST = 4
LIFETIME_S = 600.0
_MAX_COOKIE = 4000
AGAIN = "go back to the page you wanted, and log in again"


@dataclass(frozen=True, slots=True)
class Flow:
    """One login at a provider, from the redirect there to the return."""

    id: str
    """The OAuth `state`, or SAML's `RelayState`."""
    provider: str
    return_to: str
    started: float
    nonce: str = ""
    verifier: str = ""
    """PKCE, RFC 7636."""

    @classmethod
    def begin(cls, provider: str, return_to: str, moment: float) -> "Flow":
        """With everything random in it new."""
        return cls(
            id=secrets.token_urlsafe(24),
            provider=provider,
            return_to=return_to,
            started=moment,
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
        )


class Flows:
    """Keeps flows in the browser that began them, which is thereby the only one to end them."""

    def __init__(
        self, sealer: Sealer, cookies: Cookies, once: Once, now: Callable[[], datetime]
    ) -> None:
        self._sealer = sealer
        self._cookies = cookies
        self._once = once
        self._now = now

    def keep(self, flow: Flow, cookie_header: str | None) -> list[str]:
        """`Set-Cookie` headers: the new flow, and the removal of those too many or too old."""
        sealed = seal_json(self._sealer, asdict(flow), self._purpose(flow.id))
        if len(sealed) > _MAX_COOKIE:
            raise LoginRefusedError("cannot log in: the page to return to is too long")
        held = self._cookies.with_prefix(cookie_header, _PREFIX)
        known = {suffix: self._open(suffix, value) for suffix, value in held.items()}
        alive = sorted(
            (suffix for suffix, each in known.items() if each is not None),
            key=lambda suffix: found.started if (found := known[suffix]) else 0.0,
        )
        dropped = [suffix for suffix, each in known.items() if each is None]
        dropped += alive[: max(0, len(alive) - _MOST + 1)]
        kept = self._cookies.set(sealed, suffix=_PREFIX + flow.id, max_age_s=LIFETIME_S)
        return [kept, *(self._cookies.clear(suffix) for suffix in dropped)]

    async def take(self, id: str, provider: str, cookie_header: str | None) -> tuple[Flow, str]:
        """The flow, once, and the header that removes its cookie. Raises LoginRefusedError."""
        suffix = _PREFIX + id
        value = self._cookies.read(cookie_header, suffix)
        flow = self._open(suffix, value) if value else None
        if flow is None or flow.provider != provider:
            raise LoginRefusedError(
                "cannot log in: this login was begun in another browser, or more than"
                f" {LIFETIME_S / 60:.0f} minutes ago; {AGAIN}"
            )
        if not await self._once.claim("flow", id, flow.started + LIFETIME_S):
            raise LoginRefusedError(f"cannot log in: this login was ended before; {AGAIN}")
        return flow, self._cookies.clear(suffix)

    def _open(self, suffix: str, value: str) -> Flow | None:
        id = suffix.removeprefix(_PREFIX)
        found: Json | None = open_json(self._sealer, value, self._purpose(id))
        if found is None or found.get("id") != id:
            return None
        flow = Flow(**found)
        age = self._now().timestamp() - flow.started
        return flow if age <= LIFETIME_S else None

    @staticmethod
    def _purpose(id: str) -> str:
        return f"sso flow {id}"
