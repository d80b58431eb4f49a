"""Finding the operations of a path. Pure, and bounded by the size of the document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import unquote

from intertie.gateway.openapi.template import MAX_SEGMENTS, Segment, Template

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Match(Generic[_T]):
    """A path that was found."""

    found: _T
    values: Mapping[str, str]
    """Of its names, still encoded."""


@dataclass(slots=True)
class _Step(Generic[_T]):
    """What can follow after some segments."""

    literal: dict[str, "_Step[_T]"] = field(default_factory=dict[str, "_Step[_T]"])
    named: list[tuple[Segment, "_Step[_T]"]] = field(
        default_factory=list[tuple[Segment, "_Step[_T]"]]
    )
    found: _T | None = None
    names: tuple[str, ...] = ()


class Router(Generic[_T]):
    """Paths with something at each. Of two that fit, the one that is literal earlier wins."""

    def __init__(self, paths: Mapping[str, _T]) -> None:
        self._top = _Step[_T]()
        for path, found in paths.items():
            if template := Template.of(path):
                self._add(template, found)

    def _add(self, template: Template, found: _T) -> None:
        step = self._top
        for segment in template.segments:
            step = _next(step, segment)
        if step.found is None:
            step.found, step.names = found, template.names

    def match(self, path: str) -> Match[_T] | None:
        """What is at a path, which is as it was sent: encoded, without query."""
        texts = path[1:].split("/", MAX_SEGMENTS + 1)
        if not path.startswith("/") or len(texts) > MAX_SEGMENTS:
            return None
        return self._walk(self._top, texts, ())

    def _walk(self, step: _Step[_T], texts: list[str], values: tuple[str, ...]) -> Match[_T] | None:
        place = len(texts)
        if not place:
            if step.found is None:
                return None
            return Match(step.found, dict(zip(step.names, values, strict=True)))
        text, rest = texts[0], texts[1:]
        below = step.literal.get(unquote(text) if "%" in text else text)
        if below is not None and (found := self._walk(below, rest, values)):
            return found
        for segment, inner in step.named:
            more = segment.match(text)
            if more is not None and (found := self._walk(inner, rest, (*values, *more))):
                return found
        return None


def _next(step: _Step[_T], segment: Segment) -> _Step[_T]:
    if not segment.names:
        return step.literal.setdefault(unquote(segment.literals[0]), _Step[_T]())
    for known, below in step.named:
        if known.literals == segment.literals:
            return below
    below = _Step[_T]()
    step.named.append((segment, below))
    step.named.sort(key=lambda each: each[0].rank)
    return below
