"""Who a request is made for, as every part of the identity system hands it on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from intertie.suite.values import DEFAULT_TENANT

Kind = Literal["user", "key", "service"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A person, a key or a service, and what it may do. Roles and scopes are sorted."""

    kind: Kind
    id: str
    tenant: str = DEFAULT_TENANT
    name: str = ""
    """For people to read: a login or an e-mail address, the name of a key."""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    """Of a key or a token; empty is no restriction beyond the roles."""

    @property
    def client(self) -> str:
        """What limits and records know it by: no user has the name of a key."""
        return f"{self.kind}:{self.id}"

    def forwarded(self) -> str:
        """What services get as `x-forwarded-user`: compact JSON, ASCII only."""
        told: Mapping[str, object] = {
            "sub": self.id,
            "kind": self.kind,
            "tenant": self.tenant,
            "name": self.name,
            "roles": self.roles,
            "groups": self.groups,
            "scopes": self.scopes,
        }
        filled = {key: value for key, value in told.items() if value}
        return json.dumps(filled, separators=(",", ":"))
