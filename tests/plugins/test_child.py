import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugins.written import on_start, runs, write
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

# A host in a process of its own, that can be killed as a daemon can.
_PARENT = """
import sys
from pathlib import Path
import anyio
from intertie.plugins import PluginSettings
from intertie.plugins.host import PluginHost

async def main():
    settings = PluginSettings(paths=(Path(sys.argv[1]),), group=None, hook_timeout_s=60)
    host = PluginHost(settings, folder=Path(sys.argv[1]))
    async with anyio.create_task_group() as group:
        await group.start(host.run)
        host.notify("service_start", "api", 1)
        print(host.pid, flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""

_BUSY = {
    "idle": "pass",
    "in Python": "while True: pass",
    "in C, with the interpreter's lock": "ctypes.PyDLL(None).sleep(1000)",
    "with a process of its own": "os.system('sleep 1000')",
}


@pytest.mark.parametrize("doing", _BUSY.values(), ids=_BUSY.keys())
async def test_no_child_outlives_a_host_that_is_killed(tmp_path: Path, doing: str) -> None:
    """Whatever its plugins are doing just then."""
    mark = tmp_path / "entered"
    write(tmp_path / "p", "a", on_start(f"open({str(mark)!r}, 'w').close()\n{doing}"))
    command = [sys.executable, "-c", _PARENT, str(tmp_path / "p")]
    with subprocess.Popen(  # noqa: ASYNC220 — its first line is there within the second
        command, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid: int = json.loads(parent.stdout.readline())
        await eventually(mark.exists)

        parent.send_signal(signal.SIGKILL)
        parent.wait()

        await eventually(lambda: not runs(pid))
