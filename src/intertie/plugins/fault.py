"""PluginFault: why a plugin is not loaded, and where to look."""

import difflib
import traceback
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PluginFault:
    """One mistake in a plugin, its order or its settings."""

    origin: str
    """The file, or the entry point as `name = module:attribute`."""
    line: int
    """1-based; 0 when unknown."""
    message: str
    hint: str = ""
    plugin: str | None = None
    """Its name, where it got as far as telling it."""

    def __str__(self) -> str:
        place = f"{self.origin}:{self.line}" if self.line else self.origin
        return f"{place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class FaultyError(Exception):
    """Raised inside this package while a plugin is read; its text is a fault's message."""

    def __init__(self, message: str, *, line: int = 0, hint: str = "") -> None:
        self.line = line
        self.hint = hint
        super().__init__(message)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint for a fault; empty when nothing is near."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def told(exc: BaseException) -> str:
    """An exception in one line, its kind first."""
    text = " ".join(str(exc).split())
    kind = type(exc).__name__
    return f"{kind}: {text[:500]}" if text else kind


def line_in(exc: BaseException, file: str) -> int:
    """The innermost line of `file` that the exception came through; 0 when it did not."""
    if isinstance(exc, SyntaxError) and exc.filename == file:
        return exc.lineno or 0
    frames = traceback.extract_tb(exc.__traceback__)
    return next((frame.lineno or 0 for frame in reversed(frames) if frame.filename == file), 0)
