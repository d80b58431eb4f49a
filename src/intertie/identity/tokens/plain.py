"""Names as they can stand in a header, for the gateway copies them there from tokens."""

from collections.abc import Sequence
from urllib.parse import quote

# What stands as it is. No comma: it parts roles. No per cent sign, white space or line break.
_PLAIN = "!#$&'()*+-./:;=?@^_`|~"


def header_text(text: str) -> str:
    """Ordinary names as they are; what a header cannot have is percent-encoded."""
    return quote(text, safe=_PLAIN)


def roles_text(roles: Sequence[str]) -> str:
    """`,admin,user,`: so that a whole role can be looked for in the text; empty without any."""
    return f",{','.join(header_text(role) for role in roles)}," if roles else ""


def subject_text(tenant: str, client: str) -> str:
    """A user, key or service as Principal.client has it, told apart from that of other tenants."""
    return f"{header_text(tenant)},{header_text(client)}"
