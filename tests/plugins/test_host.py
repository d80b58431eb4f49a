"""Real plugins in real processes: none of what they do harms the process of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import psutil
import pytest
from anyio import create_task_group

from intertie.errors import PluginError
from intertie.plugins.host import PluginHost
from intertie.plugins.metrics import Sample
from tests.plugins.test_source import installed
from tests.plugins.written import edit, on_start, settings, write
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PATIENT_S = 60.0


@asynccontextmanager
async def running(host: PluginHost) -> AsyncIterator[PluginHost]:
    """The host, started; nothing of it is left afterwards."""
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    async with create_task_group() as group:
        await group.start(host.run)
        yield host
        group.cancel_scope.cancel()
    left = [each for each in psutil.Process().children(recursive=True) if each.pid not in before]
    assert not left


def hosted(folder: Path, **more: object) -> PluginHost:
    """A host of the plugins of a folder, that watches nothing."""
    return PluginHost(settings(folder, **{"watch": False, **more}), folder=folder)


HARM = {
    "raise": ("raise ValueError('no')", "ValueError: no"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "hang": ("while True: pass", "no answer within"),
    "hang in C": ("ctypes.PyDLL(None).sleep(1000)", "no answer within"),
    "leave": ("os._exit(3)", "exit code 3"),
    "segfault": ("ctypes.string_at(0)", "SIGSEGV"),
    "kill": ("os.kill(os.getpid(), 9)", "SIGKILL"),
    "eat memory": ("self.held = [bytearray(10**7) for _ in range(10**4)]", "out of memory"),
    "recurse": ("self.on_service_start(1, 2)", "RecursionError"),
    "close everything": ("os.closerange(0, 100)\nos._exit(0)", "its process"),
}


@pytest.mark.parametrize("harm", HARM)
async def test_a_plugin_that_does_harm_is_disabled_and_the_others_go_on(
    tmp_path: Path, harm: str
) -> None:
    """Those before and after it get every call, once; the callback is told the reason."""
    code, why = HARM[harm]
    count = "self.seen = getattr(self, 'seen', 0) + 1\nreturn service_name + self.get_info().name"
    write(tmp_path, "a", on_start(count))
    write(tmp_path, "m", on_start(code))
    write(tmp_path, "z", on_start(count))
    told: list[tuple[str, str]] = []
    patience_s = 1.0 if harm.startswith("hang") else PATIENT_S
    limits = settings(tmp_path, watch=False, hook_timeout_s=patience_s, max_failures=2)
    host = PluginHost(limits, folder=tmp_path, on_disabled=lambda *each: told.append(each))

    async with running(host):
        for number in range(3):
            found = await host.call("service_start", f"{number}", 1, within_s=PATIENT_S)
            assert found == [f"{number}a", f"{number}z"]
        status = {each.name: each for each in host.status()}

    assert [name for name, _ in told] == ["m"]
    assert why in told[0][1]
    assert [status[name].state for name in "amz"] == ["loaded", "disabled", "loaded"]
    assert status["m"].costs["on_service_start"].count == 2
    assert status["a"].costs["on_service_start"].count == 3
    assert why in (status["m"].last_error or "")


async def test_async_hooks_are_called_and_cancelled_in_time(tmp_path: Path) -> None:
    """One that only waits does not cost the process."""
    write(tmp_path, "a", on_start("await anyio.sleep(60)", is_async=True))
    write(tmp_path, "b", on_start("await anyio.sleep(0); return pid", is_async=True))

    async with running(hosted(tmp_path, hook_timeout_s=1.0)) as host:
        pid = host.pid
        assert await host.call("service_start", "api", 7, within_s=PATIENT_S) == [7]
        assert host.pid == pid
        assert host.status()[0].strikes == 1


async def test_a_call_is_back_at_its_deadline(tmp_path: Path) -> None:
    """With what is there by then; the rest goes on without it."""
    mark = tmp_path / "mark"
    write(tmp_path / "p", "a", on_start("return 1"))
    write(tmp_path / "p", "b", on_start("time.sleep(30)"))
    write(tmp_path / "p", "c", on_start(f"open({str(mark)!r}, 'w')"))

    async with running(hosted(tmp_path / "p", hook_timeout_s=4.0)) as host:
        began = monotonic()
        assert await host.call("service_start", "api", 1, within_s=1.0) == [1]
        assert monotonic() - began < 4.0
        await eventually(mark.exists)


async def test_errors_and_dicts_cross_the_border(tmp_path: Path) -> None:
    """An exception is one, configuration and metrics come back."""
    hooks = """
def on_service_error(self, service_name, error):
    assert isinstance(error, Exception)
    return [service_name, str(error), error.kind]
def on_config_load(self, config):
    return {**config, self.get_info().name: len(config)}
def on_metrics_collect(self, metrics):
    return {"count": metrics["up"], "bad name": 1}
def on_health_check(self, health_data):
    return health_data["status"]
"""
    write(tmp_path, "a", hooks)
    write(tmp_path, "b", hooks)

    async with running(hosted(tmp_path)) as host:
        assert await host.call("service_error", "api", OSError("gone")) == [
            ["api", "gone", "OSError"],
            ["api", "gone", "OSError"],
        ]
        assert await host.load_config({"own": 0}) == {"own": 0, "a": 1, "b": 2}
        assert await host.collect_metrics({"up": 3}) == [
            Sample("count", 3.0, {"plugin": "a"}),
            Sample("count", 3.0, {"plugin": "b"}),
        ]
        assert await host.call("health_check", {"status": "UP"}) == ["UP", "UP"]
        with pytest.raises(PluginError, match="on_shutdown"):
            await host.call("shutdwn")


async def test_the_configuration_survives_a_plugin_that_does_not(tmp_path: Path) -> None:
    """What the earlier ones made of it reaches the later ones, in the next process."""
    write(tmp_path, "a", "def on_config_load(self, config): return {**config, 'a': 1}")
    write(tmp_path, "b", "def on_config_load(self, config): os._exit(1)")
    write(tmp_path, "c", "def on_config_load(self, config): return {**config, 'c': list(config)}")

    async with running(hosted(tmp_path)) as host:
        found = await host.call("config_load", {"own": 0}, within_s=PATIENT_S)

    assert found[-1] == {"own": 0, "a": 1, "c": ["own", "a"]}


async def test_a_result_that_json_cannot_hold_is_a_failure(tmp_path: Path) -> None:
    """Of the hooks whose result is handed on."""
    write(tmp_path, "a", "def on_config_load(self, config): return {'x': object()}")

    async with running(hosted(tmp_path)) as host:
        assert await host.load_config({"own": 0}) == {"own": 0}
        assert "JSON" in (host.status()[0].last_error or "")


@pytest.mark.parametrize("code", ["os._exit(5)", "while True: pass", "x = [0] * 10**9"])
async def test_a_file_that_does_harm_while_it_is_loaded_is_left_out(
    tmp_path: Path, code: str
) -> None:
    """The others are loaded, and the fault is told."""
    bad = write(tmp_path, "a")
    bad.write_text(f"import os\n{code}")
    write(tmp_path, "b", on_start("return 1"))

    async with running(hosted(tmp_path, hook_timeout_s=0.3)) as host:
        assert await host.call("service_start", "api", 1, within_s=PATIENT_S) == [1]
        assert [each.state for each in host.status()] == ["loaded", "faulty"]
        assert host.faults[0].startswith(f"{bad}: not loaded:")

        write(tmp_path, "a", on_start("return 2"))
        await host.reload()
        assert await host.call("service_start", "api", 1, within_s=PATIENT_S) == [2, 1]


async def test_an_edited_file_is_loaded_again(tmp_path: Path) -> None:
    """A faulty edit keeps the old version running, and is told; the mended one replaces it."""
    file = write(tmp_path, "a", on_start("return 1"))

    async with running(hosted(tmp_path, watch=True)) as host:
        pid = host.pid
        edit(file, "broken = = 1")
        await eventually(lambda: bool(host.faults))
        assert await host.call("service_start", "api", 1) == [1]
        assert "SyntaxError" in (host.status()[0].last_error or "")

        write(tmp_path, "a", on_start("return 2"), version="2")
        await eventually(lambda: host.status()[0].version == "2")
        assert await host.call("service_start", "api", 1) == [2]
        assert (host.faults, host.pid) == ((), pid)


async def test_a_disabled_plugin_gets_a_new_chance_when_it_is_edited(tmp_path: Path) -> None:
    """Not before."""
    write(tmp_path, "a", on_start("1 / 0"))

    async with running(hosted(tmp_path, max_failures=1)) as host:
        await host.call("service_start", "api", 1)
        await host.reload()
        assert host.status()[0].state == "disabled"

        write(tmp_path, "a", on_start("return 'mended'"))
        await host.reload()
        assert await host.call("service_start", "api", 1) == ["mended"]


async def test_without_plugins_there_is_no_process(tmp_path: Path) -> None:
    """The first file starts one."""
    async with running(hosted(tmp_path)) as host:
        assert await host.call("service_start", "api", 1) == []
        assert host.pid is None

        write(tmp_path, "a", on_start("return 1"))
        await host.reload()
        assert await host.call("service_start", "api", 1) == [1]


async def test_notifications_and_shutdown_are_delivered_at_the_end(tmp_path: Path) -> None:
    """In their order, before the process is ended."""
    log = tmp_path / "log"
    hooks = f"""
def on_service_stop(self, service_name, pid):
    open({str(log)!r}, "a").write(service_name + " ")
def on_shutdown(self):
    open({str(log)!r}, "a").write("down")
"""
    write(tmp_path / "p", "a", hooks)

    async with running(hosted(tmp_path / "p")) as host:
        for name in ("x", "y", "z"):
            host.notify("service_stop", name, 1)

    assert log.read_text() == "x y z down"


async def test_a_process_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    """It is no plugin's fault."""
    write(tmp_path, "a", on_start("return os.getpid()"))

    async with running(hosted(tmp_path)) as host:
        assert host.pid is not None
        psutil.Process(host.pid).kill()
        (pid,) = await host.call("service_start", "api", 1, within_s=PATIENT_S)
        assert pid == host.pid
        assert (host.status()[0].strikes, host.trouble) == (0, "")


async def test_installed_packages_are_loaded_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their entry points, which the process of the plugins finds as this one does."""
    installed(tmp_path / "site", "shop_plugin", "shop_plugin:Plugin")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    host = PluginHost(settings(tmp_path, group="intertie.plugins"), folder=tmp_path)

    found = await host.survey()

    assert "shop_plugin" in [each.name for each in found]


async def test_a_survey_calls_nothing(tmp_path: Path) -> None:
    """It loads, tells, and leaves no process."""
    mark = tmp_path / "mark"
    write(tmp_path / "p", "a", f"def on_shutdown(self): open({str(mark)!r}, 'w')")
    (tmp_path / "p" / "b.py").write_text("import os; os._exit(1)")

    found = await hosted(tmp_path / "p").survey()

    assert [(each.name, each.state) for each in found] == [("a", "loaded"), ("b", "faulty")]
    assert not mark.exists()


async def test_an_edit_that_does_harm_while_it_is_loaded_takes_only_its_own_plugin(
    tmp_path: Path,
) -> None:
    """The process is replaced, and the others go on in the next."""
    file = write(tmp_path, "a", on_start("return 1"))
    write(tmp_path, "b", on_start("return 2"))

    async with running(hosted(tmp_path)) as host:
        assert await host.call("service_start", "api", 1) == [1, 2]
        file.write_text("import os; os._exit(9)")
        await host.reload()
        assert await host.call("service_start", "api", 1, within_s=PATIENT_S) == [2]
        assert "exit code 9" in host.faults[0]
