"""Walks all the ways to what is closed, and tells which of them came in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.gateway.conformance.backends import REACHED
from tests.gateway.conformance.lab import CLOSED, OPEN, Closed, Lab
from tests.gateway.conformance.paths import Try, tries
from tests.gateway.conformance.tries import Answer, ask_all, get

_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Walked:
    """What became of the tries against one place of one service."""

    service: str
    closed: str
    tried: int
    came_in: tuple[Try, ...]
    statuses: Counter[int]


async def walk(lab: Lab, service: str, closed: Closed) -> Walked:
    """All ways, with the credentials of somebody who may not come in; redirects are followed."""
    ways = tries(closed.path, OPEN)
    host = f"{service}.test"
    shown = lab.shown(closed)
    statuses: Counter[int] = Counter()
    came_in: list[Try] = []
    tried = len(ways)
    for _ in range(_REDIRECTS):
        requests = [get(way.target, *shown, host=host) for way in ways]
        answers = await ask_all(lab.port, requests)
        statuses.update(answer.status for answer in answers)
        pairs = list(zip(ways, answers, strict=True))
        came_in += [way for way, answer in pairs if REACHED in answer.body]
        ways = _onward(pairs)
    return Walked(service, closed.path, tried, tuple(came_in), statuses)


async def walk_all(lab: Lab, services: Sequence[str]) -> list[Walked]:
    """Every place of every service."""
    return [await walk(lab, service, closed) for service in services for closed in CLOSED]


def _onward(pairs: Sequence[tuple[Try, Answer]]) -> list[Try]:
    """Where answers send the client."""
    found = {(way.kind, answer.header("location")) for way, answer in pairs if answer.status == 307}
    return [Try(kind, _path(where)) for kind, where in sorted(found) if where]


def _path(location: str) -> str:
    parts = urlsplit(location)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
