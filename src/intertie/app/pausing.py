"""Services that stand still for a moment, and go on whatever happens.

Who stands still is written down before it does. When this process is killed meanwhile, a helper
lets them go on at once; where that was killed too, the next start does.
"""

import logging
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from anyio import CancelScope, move_on_after, open_process, to_thread
from anyio.abc import Process

from intertie.drivers import Identity, proc

log = logging.getLogger(__name__)

_ROUNDS = 5
_END_S = 5.0
_STILL_S = 1.0
_LOOK_S = 0.001
_HELPER = 'read -r _; while read -r pid _; do kill -CONT "$pid"; done < "$1"'
"""Its input ends when the daemon does; the file is gone when all went well."""


@asynccontextmanager
async def paused(mains: Sequence[int], file: Path) -> AsyncIterator[None]:
    """These processes and all below them stand still inside. Raises OSError."""
    helper = await open_process(
        ["/bin/sh", "-c", _HELPER, "sh", str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await to_thread.run_sync(_stop, mains, file)
        yield
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(let_go, file)
            await _end(helper)


def let_go(file: Path) -> int:
    """Let everybody in the file go on, and remove it; how many. Does nothing without a file."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return 0
    found = [Identity(*map(int, line.split())) for line in lines if line.strip()]
    count = sum(proc.send(each, signal.SIGCONT) for each in found)
    file.unlink(missing_ok=True)
    return count


def _stop(mains: Iterable[int], file: Path) -> None:
    stopped: list[Identity] = []
    for _ in range(_ROUNDS):  # who forked in between has children that run
        fresh = [each for each in _members(mains) if each not in stopped]
        if not fresh:
            _wait_until_still(stopped)
            return
        stopped += fresh
        _write(file, stopped)
        for each in fresh:
            proc.send(each, signal.SIGSTOP)
    log.warning("a service starts processes faster than they can be paused")


def _wait_until_still(who: Iterable[Identity]) -> None:
    """A signal takes a moment, longer for one that waits for a disk."""
    end_s = time.monotonic() + _STILL_S
    for each in who:
        while not _is_still(each) and time.monotonic() < end_s:
            time.sleep(_LOOK_S)


def _is_still(who: Identity) -> bool:
    import psutil  # slow to load, and the daemon needs `let_go` when it starts

    with suppress(psutil.NoSuchProcess):
        return psutil.Process(who.pid).status() in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    return True


def _members(mains: Iterable[int]) -> list[Identity]:
    found = [proc.identify(pid) for pid in mains]
    below = [each.identity for each in proc.descendants(mains)]
    return [*(each for each in found if each is not None), *below]


def _write(file: Path, who: Iterable[Identity]) -> None:
    """All of it or nothing: it may be read at any moment."""
    part = file.with_suffix(".part")
    part.write_text("".join(f"{each.pid} {each.start_ticks}\n" for each in who))
    part.replace(file)


async def _end(helper: Process) -> None:
    with move_on_after(_END_S) as limit:
        if helper.stdin is not None:
            await helper.stdin.aclose()
        await helper.wait()
    if limit.cancelled_caught:
        helper.kill()
    await helper.aclose()
