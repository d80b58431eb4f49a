"""Watches the folders of plugins and says when something in them changed."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from anyio import create_task_group, sleep, to_thread
from watchfiles import Change, awatch

from intertie.plugins.source import FileSource, files

_LOOK_AGAIN_S = 2.0
"""Also without being told: not every file system tells."""
_DEBOUNCE_MS = 100

Changed = Callable[[], Awaitable[None]]


async def watch(paths: Sequence[Path], changed: Changed) -> None:
    """Call `changed` once at the start, and after each change of a plugin's file."""
    async with create_task_group() as group:
        for path in paths:
            group.start_soon(_watch, path, changed)


async def _watch(path: Path, changed: Changed) -> None:
    seen: dict[str, str] | None = None
    while True:
        folder = await to_thread.run_sync(_folder, path)
        if folder is None:
            seen = await _look(path, seen, changed)
            await sleep(_LOOK_AGAIN_S)
            continue
        look_again_ms = int(_LOOK_AGAIN_S * 1000)
        found = awatch(
            folder,
            watch_filter=_is_plugin,
            debounce=_DEBOUNCE_MS,
            rust_timeout=look_again_ms,
            yield_on_timeout=True,
            recursive=False,
        )
        async with aclosing(found) as told:
            seen = await _look(path, seen, changed)
            async for _ in told:
                seen = await _look(path, seen, changed)
                if await to_thread.run_sync(_folder, path) is None:
                    break


async def _look(path: Path, seen: dict[str, str] | None, changed: Changed) -> dict[str, str]:
    now = await to_thread.run_sync(_stamps, path)
    if now != seen:
        await changed()
    return now


def _stamps(path: Path) -> dict[str, str]:
    return {str(file): FileSource(file).stamp() for file in files(path)}


def _folder(path: Path) -> Path | None:
    """What to watch: a file's folder, because editors put a new file in the place of the old."""
    if path.is_dir():
        return path
    return path.parent if path.is_file() else None


def _is_plugin(_: Change, path: str) -> bool:
    return path.endswith(".py")
