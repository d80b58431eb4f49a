"""Who a provider says somebody is."""

from collections.abc import Collection
from dataclasses import dataclass

from intertie.identity.sso import LoginRefusedError
from intertie.suite.values import DEFAULT_TENANT

_MAX_NAME = 255
_MAX_GROUPS = 500


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as a provider knows them. `subject` is theirs forever; an address is not."""

    provider: str
    subject: str
    tenant: str = DEFAULT_TENANT
    email: str = ""
    email_verified: bool = False
    name: str = ""
    groups: tuple[str, ...] | None = None
    """None: the provider says nothing of groups, so they stay as they are."""
    hosted_domain: str = ""
    """Google's `hd`: the organisation the account belongs to."""
    methods: tuple[str, ...] = ()
    """How the provider made sure (RFC 8176)."""


def check_hosted_domain(person: Person, domains: Collection[str]) -> None:
    """Raise LoginRefusedError for an account of an organisation that is not one of the domains."""
    if domains and person.hosted_domain and person.hosted_domain.lower() not in domains:
        raise LoginRefusedError(
            f"cannot log in: accounts of {person.hosted_domain} may not; choose another account"
        )


def text(value: object, limit: int = _MAX_NAME) -> str:
    """A claim as one line of text; empty when it is something else."""
    if not isinstance(value, str) or len(value) > limit or not value.isprintable():
        return ""
    return value.strip()


def names(value: object) -> tuple[str, ...] | None:
    """A claim as names of groups, sorted; None when it is not there."""
    if value is None:
        return None
    told = [value] if isinstance(value, str) else value
    if not isinstance(told, list | tuple):
        return None
    return tuple(sorted({name for each in told[:_MAX_GROUPS] if (name := text(each))}))
