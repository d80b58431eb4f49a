"""The cookies of logins: their names, how they are set, and how they are read back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_VALUE = re.compile(r"[A-Za-z0-9._=-]{1,4000}")
_MAX_HEADER = 65536


@dataclass(frozen=True, slots=True)
class Cookies:
    """Cookies of this host alone. `secure` is False only where there is no TLS."""

    secure: bool = True

    def name(self, suffix: str = "") -> str:
        """`__Host-` has browsers see to it: no other host and no plain connection sets it."""
        base = "__Host-intertie" if self.secure else "intertie"
        return f"{base}-{suffix}" if suffix else base

    def set(self, value: str, *, suffix: str = "", max_age_s: float | None = None) -> str:
        """A `Set-Cookie` header. Without `max_age_s` it ends with the browser."""
        lasts = "" if max_age_s is None else f"; Max-Age={int(max_age_s)}"
        secure = "; Secure" if self.secure else ""
        return f"{self.name(suffix)}={value}; Path=/{lasts}; HttpOnly; SameSite=Lax{secure}"

    def clear(self, suffix: str = "") -> str:
        """A `Set-Cookie` header that removes it."""
        return self.set("", suffix=suffix, max_age_s=0)

    def read(self, header: str | None, suffix: str = "") -> str | None:
        """The value in a `Cookie` header; None as well when there are two that differ."""
        found = {value for name, value in _pairs(header) if name == self.name(suffix)}
        if len(found) != 1:
            return None
        value = found.pop()
        return value if _VALUE.fullmatch(value) else None

    def with_prefix(self, header: str | None, prefix: str) -> dict[str, str]:
        """Suffixes and values of all cookies whose suffix starts with `prefix`."""
        start = self.name(prefix)
        own = len(self.name()) + 1
        return {
            name[own:]: value
            for name, value in _pairs(header)
            if name.startswith(start) and _VALUE.fullmatch(value)
        }


def _pairs(header: str | None) -> Iterator[tuple[str, str]]:
    if not header or len(header) > _MAX_HEADER:
        return
    for part in header.split(";"):
        name, equals, value = part.strip().partition("=")
        if equals:
            yield name, value
