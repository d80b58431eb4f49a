"""Where a browser may be sent after a login: to a path of ours, and nowhere else."""

import re
from urllib.parse import unquote

HOME = "/"
MAX_RETURN = 2000
"""Of what is remembered while a login is under way: it travels in a cookie."""

# An allow-list (RFC 3986: pchar, "/", query), so that what browsers make of a backslash, a tab, a
# line feed or a look-alike of "/" needs no thought: none of them is in it.
_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)+")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


def safe_return(url: str | None, own_origin: str) -> str:
    """`url` as a path of `own_origin` (`https://app.example.com`), or `/` when it is none.

    Anything that some browser or proxy could take for another place is refused.
    """
    if not url or len(url) > MAX_RETURN:
        return HOME
    own = own_origin.rstrip("/")
    asked = url.removeprefix(own) if url.startswith(f"{own}/") else url
    path, mark, query = asked.partition("?")
    if not _is_plain(path) or not _QUERY.fullmatch(query):
        return HOME
    return f"{path}{mark}{query}"


def _is_plain(path: str) -> bool:
    if not _PATH.fullmatch(path) or "//" in path:
        return False
    segments = path[1:].split("/")
    return not any(_is_tricky(segment) for segment in segments)


def _is_tricky(segment: str) -> bool:
    """A dot segment, or one that hides a separator, a control character or a second coding."""
    try:
        plain = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return True
    if plain in {".", ".."}:
        return True
    return plain != segment and any(char in "/\\% " or not char.isprintable() for char in plain)
