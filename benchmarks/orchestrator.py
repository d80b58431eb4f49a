"""Start and stop 50 trivial services: ours and supervisord.

Each service is `sleep`. Started means: all are running and the tool says so. Stopped means: the
tool is back and no process of it is left.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.table import Measures, interleave, report

SERVICES = 50
ROUNDS = 5
_MARK = "98765.4321"
"""The argument of each `sleep`: names our processes, whoever started them."""


def main() -> None:
    """Run and print."""
    contenders: dict[str, Callable[[], Measures]] = {
        "intertie": _intertie,
        "supervisord": _supervisord,
    }
    report("orchestrator", interleave(contenders, ROUNDS), baseline="intertie")


def _intertie() -> Measures:
    lines = ["suite: bench", "api: {port: auto}", "services:"]
    lines += [f"  s{n}: {{command: sleep {_MARK}}}" for n in range(SERVICES)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "suite.yaml").write_text("\n".join(lines))
        command = [sys.executable, "-m", "intertie"]
        return {
            "start_s": _timed([*command, "up", "--detach"], folder, SERVICES),
            "stop_s": _timed([*command, "down"], folder, 0),
        }


_SUPERVISORD = """
[unix_http_server]
file={folder}/s.sock
[supervisord]
pidfile={folder}/s.pid
logfile={folder}/s.log
childlogdir={folder}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/s.sock
[program:s]
command=sleep {mark}
numprocs={count}
process_name=%(program_name)s%(process_num)d
startsecs=0
"""


def _supervisord() -> Measures:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "supervisord.conf"
        config.write_text(_SUPERVISORD.format(folder=folder, mark=_MARK, count=SERVICES))
        return {
            "start_s": _timed([_beside("supervisord"), "-c", str(config)], folder, SERVICES),
            "stop_s": _timed([_beside("supervisorctl"), "-c", str(config), "shutdown"], folder, 0),
        }


def _beside(program: str) -> str:
    return str(Path(sys.executable).parent / program)


def _timed(command: list[str], folder: str, wanted: int) -> float:
    """Seconds until the command is back and so many services run."""
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    while _running() != wanted:
        time.sleep(0.005)
    return time.perf_counter() - began


def _running() -> int:
    return sum(
        1 for each in psutil.process_iter(["cmdline"]) if _MARK in (each.info["cmdline"] or [])
    )


if __name__ == "__main__":
    main()
