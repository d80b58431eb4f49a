"""The file check: it is there, and fresh."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from anyio import to_thread

from intertie.suite.health import FileProbe

Now = Callable[[], float]
"""Seconds since the epoch, as files have them."""


async def file(folder: Path, probe: FileProbe, *, now: Now = time.time) -> str | None:
    """Whether the file that `probe` names from `folder` is there, and written lately enough."""
    # In a thread that may be left behind: a network disk can let a question wait for ever.
    look = partial(_look, folder / probe.path, probe.max_age, now)
    return await to_thread.run_sync(look, abandon_on_cancel=True)


def _look(path: Path, max_age_s: float | None, now: Now) -> str | None:
    try:
        written = path.stat().st_mtime
    except FileNotFoundError:
        return f"{path}: there is no such file"
    except OSError as exc:
        return f"{path}: {exc.strerror}"
    age_s = now() - written
    if max_age_s is None or age_s <= max_age_s:
        return None
    return f"{path}: last written {age_s:.1f} s ago, expected within {max_age_s:g} s"
