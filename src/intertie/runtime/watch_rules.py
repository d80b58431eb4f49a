"""Which changes of files matter to whom, and when they are acted on. Pure, but for `lay_out`."""

import math
import os
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import Literal

from intertie.suite.service import Service, Watch

Kind = Literal["added", "modified", "deleted"]

IGNORED = (
    *(".git", ".hg", ".svn", ".intertie", ".venv", "node_modules", "__pycache__"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".idea", ".DS_Store"),
    *("*.pyc", "*.pyo", "*~", ".*.sw?", ".*.swpx", ".#*", "#*#", "4913", "*___jb_???___"),
)
"""Names of files and folders that never matter: caches, and what editors write beside a file."""

MOST_REACTIONS = 5
WITHIN_S = 10.0
PAUSE_S = 60.0
_LONGEST_WAIT = 10
"""Times `debounce`, for files that never stop changing."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that one service wants watched."""

    service: str
    root: Path
    watch: Watch

    def matters(self, path: Path) -> bool:
        """Whether a change of this path is a change of it."""
        if path == self.root:
            return True
        if self.root not in path.parents:
            return False
        inner = path.relative_to(self.root)
        ignored = _any_of((*IGNORED, *self.watch.ignore))
        if any(ignored.match(f"/{each}") for each in (inner, *inner.parents[:-1])):
            return False
        include = self.watch.include
        return not include or _any_of(include).match(f"/{inner}") is not None


def find_targets(folder: Path, services: Mapping[str, Service]) -> tuple[Target, ...]:
    """All there are; paths are relative to the folder, which is absolute."""
    return tuple(
        Target(name, Path(os.path.normpath(folder / watch.path)), watch)
        for name, service in services.items()
        for watch in service.watch
    )


@cache
def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    """For a path that begins with a slash; a pattern without one is about its last part."""
    cleaned = (pattern.removeprefix("./").rstrip("/") for pattern in patterns)
    parts = (("/" if "/" in each else "(?:.*/)?") + _translated(each) for each in cleaned)
    return re.compile("|".join(f"(?:{part})" for part in parts))


def _translated(pattern: str) -> str:
    # A star of a name's pattern does not reach over slashes.
    is_path = "/" in pattern
    regex = translate(pattern.removeprefix("/"))
    return regex if is_path else "(?=[^/]*$)" + regex


@dataclass(frozen=True, slots=True)
class Layout:
    """What the machine is asked to watch."""

    deep: tuple[Path, ...]
    """Folders, with all below."""
    flat: tuple[Path, ...]
    """Folders in which a watched file is, or something missing is to appear."""
    missing: frozenset[Path]
    """Roots that are not there."""


def lay_out(targets: Iterable[Target]) -> Layout:
    """How to watch what is there now, and to see what is not appear. Blocks."""
    deep, flat, missing = set[Path](), set[Path](), set[Path]()
    for root in {target.root for target in targets}:
        if root.is_dir():
            deep.add(root)
            continue
        if not root.exists():
            missing.add(root)
        # Not the file itself: one that is written anew may be another file of the same name.
        flat.add(next(parent for parent in root.parents if parent.is_dir()))
    outer = (path for path in deep if not deep & {*path.parents})
    return Layout(tuple(sorted(outer)), tuple(sorted(flat)), frozenset(missing))


@dataclass(frozen=True, slots=True)
class Sifted:
    """What of some changes matters."""

    hits: tuple[tuple[Target, Path], ...]
    is_new_ground: bool
    """Something that is watched, or a folder on the way to it, came or went: see `lay_out`."""


def sift(targets: Iterable[Target], layout: Layout, changes: Iterable[tuple[Kind, Path]]) -> Sifted:
    """What matters of these changes."""
    found, chosen = list(changes), list(targets)
    hits = tuple((target, path) for _, path in found for target in chosen if target.matters(path))
    is_new_ground = any(
        _is_new_ground(target, layout, kind, path)
        for kind, path in found
        if kind != "modified"
        for target in chosen
    )
    return Sifted(hits, is_new_ground)


def _is_new_ground(target: Target, layout: Layout, kind: Kind, path: Path) -> bool:
    if path != target.root:
        return path in target.root.parents
    return kind == "deleted" or path in layout.missing or path.is_dir()


@dataclass(slots=True)
class Gate:
    """Decides for one target when its changes are acted on. Times are arguments."""

    debounce_s: float
    files: set[Path] = field(default_factory=set[Path])
    _first: float = 0.0
    _last: float = 0.0

    @property
    def due_at(self) -> float:
        """When the changes are to be acted on; never, when there are none."""
        if not self.files:
            return math.inf
        return min(self._last + self.debounce_s, self._first + _LONGEST_WAIT * self.debounce_s)

    def note(self, path: Path, now: float) -> None:
        """A change."""
        if not self.files:
            self._first = now
        self._last = now
        self.files.add(path)

    def take(self) -> tuple[Path, ...]:
        """The changes; from now on there are none."""
        files = tuple(sorted(self.files))
        self.files.clear()
        return files


@dataclass(slots=True)
class LoopGuard:
    """Notices that a service is restarted again and again. Times are arguments."""

    _paused_until: float = -math.inf
    _reactions: deque[float] = field(default_factory=lambda: deque[float](maxlen=MOST_REACTIONS))

    def is_paused(self, now: float) -> bool:
        """Whether changes do not matter now."""
        return now < self._paused_until

    def allows(self, now: float) -> bool:
        """Whether to act once more; when not, it is paused from now on."""
        is_full = len(self._reactions) == MOST_REACTIONS
        if is_full and self._reactions[0] > now - WITHIN_S:
            self._paused_until = now + PAUSE_S
            self._reactions.clear()
            return False
        self._reactions.append(now)
        return True
