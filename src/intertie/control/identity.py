"""All use cases about identities together."""

from dataclasses import dataclass
from typing import Self

from intertie.control.audit import AuditControl
from intertie.control.groups import GroupControl, RoleControl
from intertie.control.identity_desk import IdentityDesk
from intertie.control.keys import KeyControl
from intertie.control.people import People
from intertie.control.tenants import TenantControl


@dataclass(frozen=True, slots=True)
class IdentityControl:
    """Users, groups, roles, keys, tenants and the audit trail of a suite."""

    people: People
    groups: GroupControl
    roles: RoleControl
    keys: KeyControl
    tenants: TenantControl
    audit: AuditControl

    @classmethod
    def of(cls, desk: IdentityDesk) -> Self:
        """All at one desk; with an empty one each call says that the suite has no `identity:`."""
        people = People(desk)
        return cls(
            people,
            GroupControl(desk),
            RoleControl(desk, people),
            KeyControl(desk),
            TenantControl(desk),
            AuditControl(desk),
        )
