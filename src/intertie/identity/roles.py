"""Roles: what the groups of a user give it, and those it has of its own."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from intertie.errors import IntertieError

GroupMapping = Mapping[str, Sequence[str]]
"""`group_mapping` of the suite: roles of each group."""

GROUPS = "identity_groups"
"""The collection of groups, each under its tenant and name."""
_ROLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}")


@dataclass(frozen=True, slots=True)
class Group:
    """Some users of a tenant."""

    name: str
    tenant: str
    description: str = ""


def roles_of(
    groups: Iterable[str], mapping: GroupMapping, *, direct: Iterable[str] = ()
) -> tuple[str, ...]:
    """All roles of somebody in these groups, sorted."""
    given = {role for group in groups for role in mapping.get(group, ())}
    return tuple(sorted(given.union(direct)))


def check_roles(roles: Iterable[str]) -> tuple[str, ...]:
    """The roles sorted, each once. Raises IntertieError for what cannot be the name of a role."""
    distinct = sorted(set(roles))
    for role in distinct:
        if not _ROLE.fullmatch(role):
            why = "expected letters, digits and any of `_.:-`"
            raise IntertieError(f"cannot use role {role[:80]!r}: {why}")
    return tuple(distinct)
