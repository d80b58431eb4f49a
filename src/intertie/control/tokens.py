"""Tokens for the gateway."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from intertie.control.actor import Actor
from intertie.suite.model import Jwt

if TYPE_CHECKING:  # its library is large, and needed with the first token only
    from intertie.identity.issuer import Issuer


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token and how long it is good for."""

    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Mints tokens; `jwt` gives the suite's present settings."""

    issuer: "Callable[[], Issuer]"
    jwt: Callable[[], Jwt]

    def mint(
        self, actor: Actor, subject: str, *, roles: Sequence[str], ttl_s: float | None
    ) -> Token:
        """A token for `subject`; `ttl_s` None means the suite's `token_expiry`."""
        actor.require_write()
        settings = self.jwt()
        lifetime_s = settings.token_expiry if ttl_s is None else ttl_s
        text = self.issuer().mint(
            subject,
            now=datetime.now(UTC),
            audience=settings.audience,
            lifetime_s=lifetime_s,
            roles=roles,
        )
        return Token(text, int(lifetime_s))
