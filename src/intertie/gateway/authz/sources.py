"""What the authorizer asks others: who a key or a session is, and what was taken back."""

from dataclasses import dataclass
from typing import Protocol

from intertie.identity.principal import Principal


@dataclass(frozen=True, slots=True)
class Shown:
    """What a token said beside who it is for; Envoy has checked it."""

    id: str = ""
    """`jti`."""
    issued_at_s: int = 0
    """`iat`."""


class Sources(Protocol):
    """Called for each request: only `session` may wait for anything."""

    def key(self, text: str, address: str) -> Principal | str:
        """Whose key this is, or why it is none: a word such as `expired`, safe to be told."""
        ...

    async def session(self, cookie: str) -> Principal | None:
        """Whose session the `Cookie` header holds, if any that is still good."""
        ...

    def is_revoked(self, principal: Principal, token: Shown | None) -> bool:
        """Whether what was shown has been taken back; `token` is None for keys and sessions."""
        ...
