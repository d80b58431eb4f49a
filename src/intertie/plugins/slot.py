"""Slot: a page that a child shares with its host, to say whose code it is in.

It costs a child no system call, and is still there after the child is not.
"""

import mmap
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

_HEAD = struct.Struct(
    "=dH"
)  # when it was entered, on the clock all processes share; bytes of label
_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Entered:
    """Whose code the child is in: a plugin's name, or the origin of one that is loaded."""

    label: str
    at: float
    """By time.monotonic, which is the same clock in both processes."""


class Slot:
    """Written by the child, read by the host."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._page = mmap.mmap(descriptor, _SIZE)

    def enter(self, label: str) -> None:
        """From now on the child is in the code of `label`."""
        text = label.encode()[: _SIZE - _HEAD.size]
        self._page[_HEAD.size : _HEAD.size + len(text)] = text
        _HEAD.pack_into(self._page, 0, monotonic(), len(text))

    def leave(self) -> None:
        """It is in nobody's code."""
        _HEAD.pack_into(self._page, 0, 0.0, 0)

    def read(self) -> Entered | None:
        """Whose code it is in, None when in nobody's."""
        at, length = _HEAD.unpack_from(self._page)
        if not at:
            return None
        text = self._page[_HEAD.size : _HEAD.size + length]
        return Entered(text.decode(errors="replace"), at)

    def close(self) -> None:
        """Give the page back; the file is its opener's."""
        self._page.close()


@contextmanager
def new_slot() -> Iterator[Slot]:
    """A slot whose descriptor may be handed to a child."""
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), _SIZE)
        slot = Slot(file.fileno())
        try:
            yield slot
        finally:
            slot.close()
