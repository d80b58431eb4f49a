"""Sources for tests: a few keys and sessions in memory, with the promises of the real ones."""

from dataclasses import dataclass, field

from anyio.lowlevel import checkpoint

from intertie.gateway.authz.sources import Shown
from intertie.identity.principal import Principal

ADA = Principal("user", "ada", roles=("admin",))
ROBOT = Principal("key", "3f9a", tenant="acme", roles=("user",), scopes=("orders:read",))


@dataclass
class People:
    """Who is known."""

    keys: dict[str, Principal | str] = field(
        default_factory=lambda: {"good-key": ROBOT, "old-key": "expired"}
    )
    sessions: dict[str, Principal] = field(default_factory=lambda: {"s1": ADA})
    revoked: set[str] = field(default_factory=set[str])
    """Clients, and ids of tokens."""

    def key(self, text: str, address: str) -> Principal | str:
        """See Sources."""
        return self.keys.get(text, "unknown")

    async def session(self, cookie: str) -> Principal | None:
        """See Sources."""
        await checkpoint()
        parts = dict(part.strip().partition("=")[::2] for part in cookie.split(";"))
        return self.sessions.get(parts.get("intertie", ""))

    def is_revoked(self, principal: Principal, token: Shown | None) -> bool:
        """See Sources."""
        return principal.client in self.revoked or (token is not None and token.id in self.revoked)
