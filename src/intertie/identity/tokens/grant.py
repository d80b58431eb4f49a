"""What one login gave to one client: codes and refresh tokens stand for it."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from intertie.identity.principal import Principal
from intertie.identity.tokens.plain import header_text

Document = dict[str, Any]  # Any: JSON for the store, written and read here only


@dataclass(frozen=True, slots=True)
class Grant:
    """Every token made of it can be revoked at once, by its id."""

    id: str
    client_id: str
    principal: Principal
    scopes: tuple[str, ...]
    sid: str
    """The session of the login."""
    auth_time: int
    """When the user proved who they are, in seconds since 1970."""
    email: str = ""
    """Verified, or empty."""

    @property
    def acting(self) -> Principal:
        """Who the tokens are for: what the client was not given, it cannot do."""
        return replace(self.principal, scopes=self.scopes)

    def claims(self) -> Document:
        """What revocations know it by, as its tokens have it."""
        return {
            "iat": self.auth_time,
            "grant": self.id,
            "sid": self.sid,
            "tenant": header_text(self.principal.tenant),
            "principal": header_text(self.principal.client),
        }

    def document(self) -> Document:
        """For the store."""
        return asdict(self)

    @classmethod
    def parse(cls, document: Document) -> Self:
        """What `document` gave."""
        told: Document = document["principal"]
        lists: Document = {name: tuple(told[name]) for name in ("roles", "groups", "scopes")}
        principal = Principal(**(told | lists))
        parsed: Document = {"principal": principal, "scopes": tuple(document["scopes"])}
        return cls(**(document | parsed))
