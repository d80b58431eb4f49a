"""A daemon that is killed with kill -9 while its services run."""

import json
import os
import signal
import sys
from pathlib import Path

from anyio import open_process, run, sleep_forever
from anyio.streams.buffered import BufferedByteReceiveStream

from intertie.drivers import proc
from tests.runtime.stage import service, shell, staged

ROOT = Path(__file__).parents[2]
_STUBBORN = """
trap '' TERM
setsid sh -c 'trap "" TERM; while :; do sleep 0.05; done' &
while :; do wait; done
"""


def still_runs(pid: int) -> bool:
    """A zombie does not run; clearing it away is up to its parent, which may be init."""
    found = proc.stat(pid)
    return found is not None and not found.zombie


async def dead_daemon(folder: Path, *names: str) -> dict[str, int]:
    """Pids, by service, of what a daemon with these services leaves when it is killed."""
    command = [sys.executable, "-m", "tests.runtime.dead", str(folder), *names]
    async with await open_process(command, cwd=ROOT, stdin=None, stderr=None) as process:
        assert process.stdout is not None
        line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 1_000_000)
        os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    pids: dict[str, int] = json.loads(line)
    return pids


async def _main(folder: Path, names: list[str]) -> None:
    services = {
        "api": service(port="auto", restart="always"),
        "stubborn": shell(_STUBBORN, stop_grace_period="50ms"),
    }
    async with staged(folder) as stage:
        await stage.run(**{name: services[name] for name in names})
        print(json.dumps({name: stage.pid(name) for name in names}), flush=True)
        await sleep_forever()


if __name__ == "__main__":
    run(_main, Path(sys.argv[1]), sys.argv[2:])
