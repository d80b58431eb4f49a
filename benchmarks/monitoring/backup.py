"""What backups take: our own archive beside restic and Borg, each through our engine of it.

A tree of 300 MB in 2,000 files, a third of it random; then a backup with 5 KB changed; then a
drill: all data read, restored and compared with what was recorded.
"""

import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.monitoring.figure import Figure, Values
from intertie.automation.backup.drill import Practice, drill
from intertie.automation.backup.engine import open_engine
from intertie.automation.backup.port import BackupEngine
from intertie.automation.backup.snapshots import SOURCES, Surroundings, stage
from intertie.suite.schedule import Backup, BackupSource, Drill

FILES, QUICK_FILES, FILE_BYTES = 2_000, 200, 150_000
ROUNDS = 2
OURS, RIVALS = "archive", ("restic", "borg")
_FIRST, _SECOND, _RTO, _STORED = "s, first", "s, 5 KB changed", "s, drill (RTO)", "MB kept"
_WORDS = b"the quick brown fox jumps over the lazy dog 0123456789 "


@dataclass(slots=True)
class _Took:
    """By what was done, a value a round."""

    found: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def note(self, what: str, value: float) -> None:
        self.found.setdefault(what, []).append(value)


async def figures(quick: bool) -> Sequence[Figure]:
    """See the module."""
    engines = [OURS, *(name for name in RIVALS if shutil.which(name))]
    took = {name: _Took() for name in engines}
    files = QUICK_FILES if quick else FILES
    for _ in range(1 if quick else ROUNDS):
        with TemporaryDirectory() as folder:
            staging = await _staged(Path(folder), files)
            for name in engines:
                await _round(Path(folder), staging, name, took[name])
                _change(staging, b"before")
    tree = f"{files * FILE_BYTES // 10**6} MB in {files:,} files"
    return [_figure(f"{what}, {tree}", what, took) for what in took[OURS].found]


def _figure(title: str, what: str, took: dict[str, _Took]) -> Figure:
    rivals: dict[str, Values] = {name: took[name].found[what] for name in took if name != OURS}
    return Figure("backup", title, took[OURS].found[what], None, rivals)


async def _round(folder: Path, staging: Path, name: str, took: _Took) -> None:
    config = Backup.model_validate({"engine": name, "repository": f"kept-{name}"})
    state = folder / f"state-{name}"
    state.mkdir()
    engine = open_engine(config, root=folder, state=state)
    await engine.init()
    took.note(_FIRST, await _snapshot(engine, staging))
    _change(staging, name.encode())
    took.note(_SECOND, await _snapshot(engine, staging))
    practice = Practice(engine=engine, scratch=folder / "scratch", config=Drill())
    first = (await engine.list())[-1]  # what is recorded in it is the tree before the change
    result = await drill(practice, now=datetime.now(UTC), id=first.id)
    if not result.passed or result.rto_s is None:
        raise SystemExit(f"{name}: {result.findings}")
    took.note(_RTO, result.rto_s)
    took.note(_STORED, ((await engine.stats()).stored_bytes or 0) / 1e6)


async def _snapshot(engine: BackupEngine, staging: Path) -> float:
    began = perf_counter()
    await engine.snapshot(staging, at=datetime.now(UTC))
    return perf_counter() - began


async def _staged(folder: Path, files: int) -> Path:
    """A copy of a tree as a backup makes it, with a record of what must be in it."""
    tree, staging = folder / "tree", folder / "staging"
    numbers = random.Random(1)  # noqa: S311 — the same each time
    for number in range(files):
        place = tree / f"{number % 40}" / f"{number}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        is_random = number % 3 == 0
        place.write_bytes(numbers.randbytes(FILE_BYTES) if is_random else _text(number, FILE_BYTES))
    staging.mkdir()
    source = BackupSource(kind="folder", path="tree")
    around = Surroundings(root=folder)
    await stage({"tree": source}, staging, at=datetime.now(UTC), around=around)
    return staging


def _text(number: int, size: int) -> bytes:
    line = str(number).encode() + b" " + _WORDS
    return (line * (size // len(line) + 1))[:size]


def _change(staging: Path, told: bytes) -> None:
    """5 KB of one file; told `before`, as they were at first."""
    place = staging / SOURCES / "tree" / "1" / "1.bin"
    content = bytearray(place.read_bytes())
    content[:5_000] = _text(1, 5_000) if told == b"before" else (told * 5_000)[:5_000]
    place.write_bytes(content)
