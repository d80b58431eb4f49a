"""E-mail addresses, as far as they decide who comes in."""

import re
from collections.abc import Iterable

_MAX = 254
# RFC 5321 without quoted names, comments and address literals, which nobody's login needs and
# parsers read differently.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:(?!-)[A-Za-z0-9-]{1,63}(?<!-)\.)+(?!-)[A-Za-z0-9-]{2,63}(?<!-)")


def domain_of(email: str) -> str | None:
    """The part after the only `@`, in lower case; None unless it is a plain ASCII address.

    Domains beyond ASCII count in their `xn--` form only: what two parsers make of the other form
    differs.
    """
    local, at, domain = email.partition("@")
    sound = at and len(email) <= _MAX and len(local) <= 64  # noqa: PLR2004 — RFC 5321, 4.5.3.1.1
    if not sound or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        return None
    return domain.lower()


def email_is_allowed(email: str, domains: Iterable[str]) -> bool:
    """Whether its domain is one of these, exactly: no parent, no child, no lookalike."""
    domain = domain_of(email)
    return domain is not None and domain in {allowed.lower() for allowed in domains}


def normal(email: str) -> str:
    """What two spellings of one address have in common."""
    return email.lower()
