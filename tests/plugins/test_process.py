from pathlib import Path

import psutil
import pytest

from intertie.plugins import wire
from intertie.plugins.process import ChildDied, open_child
from tests.plugins.written import on_start, runs, settings, write
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def load(folder: Path) -> wire.Message:
    """The request that loads the plugins of a folder."""
    return {"do": "load", "settings": wire.settings_message(settings(folder)), "without": {}}


async def test_what_plugins_print_comes_line_by_line(tmp_path: Path) -> None:
    """Also the last one, without its line break, and however it was printed."""
    code = "print('one'); os.system('echo two'); os.write(2, b'three'); os._exit(0)"
    write(tmp_path, "a", on_start(code))
    lines: list[str] = []

    async with open_child(tmp_path, lines.append) as child:
        await child.ask(load(tmp_path), timeout_s=30)
        request = {"do": "call", "hook": "on_service_start", "args": ["x", 1], "skip": []}
        with pytest.raises(ChildDied, match="exit code 0") as caught:
            await child.ask(request, timeout_s=30)

    assert caught.value.label == "a"
    assert lines == ["one", "two", "three"]


async def test_its_whole_group_is_gone_at_the_end(tmp_path: Path) -> None:
    """What a plugin started, too."""
    write(tmp_path, "a", on_start("return os.spawnlp(os.P_NOWAIT, 'sleep', 'sleep', '99')"))
    found: list[wire.Message] = []

    async with open_child(tmp_path, print) as child:
        await child.ask(load(tmp_path), timeout_s=30)
        request = {"do": "call", "hook": "on_service_start", "args": ["x", 1], "skip": []}
        await child.ask(request, found.append, timeout_s=30)
        pids = [child.pid, found[0]["outcome"]["result"]]
        assert all(psutil.pid_exists(pid) for pid in pids)

    # Killed; the system may need a moment to end what is nobody's child here.
    await eventually(lambda: not any(map(runs, pids)))
