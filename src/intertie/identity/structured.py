"""Structured fields (RFC 9651), as far as signatures need them: dictionaries of items and lists.

Strict: what the grammar does not allow is refused, and so is a key that comes twice.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_LENGTH = 8192
Bare = str | int | bytes | bool
_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_INTEGER = re.compile(r"-?[0-9]{1,15}(?![0-9.])")
_BOOLEAN = re.compile(r"\?([01])")
_COMMA = re.compile(r"[ \t]*,[ \t]*")
_SPACES = re.compile(r" *")


@dataclass(frozen=True, slots=True)
class Item:
    """One value, and what is said about it."""

    value: Bare
    parameters: Mapping[str, Bare] = field(default_factory=dict[str, Bare])


@dataclass(frozen=True, slots=True)
class InnerList:
    """Several items. `text` is the list as it was sent, with its parameters."""

    items: tuple[Item, ...]
    parameters: Mapping[str, Bare]
    text: str


def dictionary(text: str) -> Mapping[str, Item | InnerList]:
    """The members of a field, in the order they came. Raises ValueError."""
    if len(text) > MAX_LENGTH:
        raise ValueError("the field is too long")
    scan, found = _Scan(text.strip(" \t")), dict[str, Item | InnerList]()
    while True:
        key = scan.need(_KEY, "a key")[0]
        if key in found:
            raise ValueError(f"{key} comes twice")
        scan.literal("=")
        found[key] = scan.inner_list() if scan.sees("(") else scan.item()
        if scan.is_done:
            return found
        scan.need(_COMMA, "a comma")


class _Scan:
    """A place in a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._text)

    def sees(self, literal: str) -> bool:
        return self._text.startswith(literal, self._at)

    def literal(self, literal: str) -> None:
        if not self.sees(literal):
            raise ValueError(f"expected {literal} at character {self._at + 1}")
        self._at += len(literal)

    def need(self, pattern: re.Pattern[str], name: str) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"expected {name} at character {self._at + 1}")
        self._at = found.end()
        return found

    def inner_list(self) -> InnerList:
        begin, items = self._at, list[Item]()
        self.literal("(")
        self.need(_SPACES, "spaces")
        while not self.sees(")"):
            items.append(self.item())
            if not self.sees(")"):
                self.literal(" ")
                self.need(_SPACES, "spaces")
        self.literal(")")
        parameters = self._parameters()
        return InnerList(tuple(items), parameters, self._text[begin : self._at])

    def item(self) -> Item:
        return Item(self._bare(), self._parameters())

    def _parameters(self) -> Mapping[str, Bare]:
        found: dict[str, Bare] = {}
        while self.sees(";"):
            self.literal(";")
            self.need(_SPACES, "spaces")
            key = self.need(_KEY, "a parameter")[0]
            if key in found:
                raise ValueError(f"{key} comes twice")
            found[key] = True
            if self.sees("="):
                self.literal("=")
                found[key] = self._bare()
        return found

    def _bare(self) -> Bare:
        if self.sees('"'):
            return re.sub(r"\\(.)", r"\1", self.need(_STRING, "a string")[1])
        if self.sees(":"):
            return _bytes(self.need(_BYTES, "bytes")[1])
        if self.sees("?"):
            return self.need(_BOOLEAN, "a boolean")[1] == "1"
        return int(self.need(_INTEGER, "a value")[0])


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error as exc:
        raise ValueError("expected base64") from exc
