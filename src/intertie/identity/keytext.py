"""The text of an API key: `itk_<id>_<secret>_<checksum>`.

The prefix and the checksum let a scanner find leaked keys, and the gateway refuse what is no key,
without asking anyone.
"""

import re
from dataclasses import dataclass, field
from zlib import crc32

PREFIX = "itk"
ID_CHARACTERS = 16
ID_BYTES = 11
SECRET_BYTES = 32
PATTERN = re.compile(r"itk_([0-9A-Za-z]{16})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})", re.ASCII)
"""What a scanner looks for."""
LENGTH = 71
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_CHARACTERS = 43
_CHECKSUM_CHARACTERS = 6


@dataclass(frozen=True, slots=True)
class KeyText:
    """The parts of a key."""

    id: str
    secret: str = field(repr=False)
    """256 random bits in base62."""

    @property
    def text(self) -> str:
        """What its holder shows."""
        body = f"{PREFIX}_{self.id}_{self.secret}"
        return f"{body}_{_checksum(body)}"

    @property
    def last4(self) -> str:
        """Enough for its holder to tell two keys apart."""
        return self.text[-4:]


def make(id: bytes, secret: bytes) -> KeyText:
    """The key with this id and secret, both random."""
    return KeyText(
        base62(int.from_bytes(id), ID_CHARACTERS),
        base62(int.from_bytes(secret), _SECRET_CHARACTERS),
    )


def parse(text: str) -> KeyText | None:
    """None unless it is a key with the right checksum."""
    if len(text) != LENGTH:
        return None
    match = PATTERN.fullmatch(text)
    if match is None or _checksum(text[: -_CHECKSUM_CHARACTERS - 1]) != match[3]:
        return None
    return KeyText(match[1], match[2])


def base62(number: int, width: int) -> str:
    """Digits, capitals, then small letters; zeros in front."""
    digits: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    if number:
        raise ValueError(f"the number needs more than {width} digits")
    return "".join(reversed(digits))


def _checksum(body: str) -> str:
    return base62(crc32(body.encode()), _CHECKSUM_CHARACTERS)
