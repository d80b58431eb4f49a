"""Keys of an object store as paths of files, and back.

A key may be what no file can be called: `a` beside `a/b`, `..`, an empty part, a long one. Each
part but the last keeps its slash, escaped, so that no folder has the name of a file.
"""

import hashlib
from pathlib import PurePosixPath
from urllib.parse import quote

_LONGEST = 200
_SLASH = "%2F"
_EMPTY = "%"
"""For a key that ends with a slash: no escaped text is a lone percent sign."""


def path_of(key: str) -> PurePosixPath:
    """Where the content of an object lies; different for different keys."""
    *folders, name = key.split("/")
    return PurePosixPath(*(_part(each, _SLASH) for each in folders), _part(name) or _EMPTY)


def _part(text: str, ending: str = "") -> str:
    escaped = quote(text, safe=" +=@,;!()[]~$&'#")
    if escaped in {".", ".."}:
        escaped = escaped.replace(".", "%2E")
    if len(escaped) > _LONGEST:
        # No escaped text has a percent sign before a tilde.
        escaped = f"%~{hashlib.sha256(text.encode()).hexdigest()}"
    return escaped + ending
