from pathlib import Path
from time import monotonic

import pytest

from benchmarks.plugins import BAR, measure
from intertie.errors import PluginError
from intertie.plugins import PluginManager
from intertie.plugins.metrics import Sample
from tests.plugins.written import managed, on_start, settings, write

pytestmark = pytest.mark.anyio


def test_all_plugins_are_called_in_order(tmp_path: Path) -> None:
    """Results are those that are not None; sync and async alike."""
    write(tmp_path, "a", on_start("return (service_name, pid)", is_async=True))
    write(tmp_path, "b", on_start("return None"))
    write(tmp_path, "c", on_start("return 'c'"))

    with managed(tmp_path) as manager:
        assert manager.call("service_start", "api", 7) == [("api", 7), "c"]
        assert manager.call("on_service_start", "api", 7) == [("api", 7), "c"]
        assert manager.call("shutdown") == []


async def test_a_coroutine_calls_them_without_being_blocked(tmp_path: Path) -> None:
    """Also their async hooks."""
    write(tmp_path, "a", on_start("await anyio.sleep(0); return pid", is_async=True))

    with managed(tmp_path) as manager:
        assert await manager.call_async("service_start", "api", 7) == [7]


def test_no_arguments_means_the_folder_plugins_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the guide."""
    write(tmp_path / "plugins", "a")
    monkeypatch.chdir(tmp_path)

    assert [each.info.name for each in PluginManager().load_plugins()] == ["a"]


def test_an_error_harms_nobody_else_and_is_counted(tmp_path: Path) -> None:
    """Neither the caller nor the next plugin; also an exit."""
    write(tmp_path, "a", on_start("raise ValueError(service_name)"))
    write(tmp_path, "b", on_start("raise SystemExit(3)"))
    write(tmp_path, "c", on_start("return 'c'"))
    manager = managed(tmp_path)

    assert manager.call("service_start", "api", 7) == ["c"]
    costs = manager.costs()
    assert [costs[name]["on_service_start"].errors for name in "abc"] == [1, 1, 0]
    assert [costs[name]["on_service_start"].count for name in "abc"] == [1, 1, 1]
    assert costs["c"]["on_service_start"].seconds > 0


def test_failures_in_a_row_disable_the_plugin(tmp_path: Path) -> None:
    """Its reason is told once; a success in between begins the count anew."""
    write(tmp_path, "a", on_start("if pid: raise ValueError('no')"))
    told: list[tuple[str, str]] = []
    manager = PluginManager(
        settings(tmp_path, max_failures=2), on_disabled=lambda *each: told.append(each)
    )
    manager.load_plugins()

    for pid in (1, 0, 1, 1, 1):
        manager.service_start("api", pid)

    assert [name for name, _ in told] == ["a"]
    assert "failed 2 times in a row: ValueError: no at" in told[0][1]
    assert manager.costs()["a"]["on_service_start"].count == 4
    assert list(manager.disabled) == ["a"]


def test_a_changed_file_gives_a_disabled_plugin_a_new_chance(tmp_path: Path) -> None:
    """A second call of load_plugins loads it again."""
    write(tmp_path, "a", on_start("1 / 0"))
    manager = managed(tmp_path, max_failures=1)
    manager.service_start("api", 1)
    assert manager.disabled

    write(tmp_path, "a", on_start("return 'mended'"))
    manager.load_plugins()

    assert manager.call("service_start", "api", 1) == ["mended"]
    assert not manager.disabled


def test_a_hook_that_takes_too_long_is_a_failure(tmp_path: Path) -> None:
    """An async one is cancelled at its deadline; of a sync one it is seen afterwards."""
    write(tmp_path, "a", on_start("await anyio.sleep(30)", is_async=True))
    write(tmp_path, "b", on_start("time.sleep(0.06)"))

    with managed(tmp_path, hook_timeout_s=0.05) as manager:
        began = monotonic()
        manager.service_start("api", 1)
        assert monotonic() - began < 5
        costs = manager.costs()
    assert [costs[name]["on_service_start"].errors for name in "ab"] == [1, 1]


def test_config_goes_from_plugin_to_plugin(tmp_path: Path) -> None:
    """What is no dict, or was raised at, is left out; None changes nothing."""
    hooks = "def on_config_load(self, config):\n    "
    write(tmp_path, "a", hooks + "config['a'] = 1; return config")
    write(tmp_path, "b", hooks + "config['b'] = 1; raise ValueError('no')")
    write(tmp_path, "c", hooks + "config['c'] = 1")
    write(tmp_path, "d", hooks + "return [1]")
    write(tmp_path, "e", hooks + "return {**config, 'e': list(config)}")
    given: dict[str, object] = {"own": 0}
    manager = managed(tmp_path)

    assert manager.config_load(given) == {"own": 0, "a": 1, "e": ["own", "a"]}
    assert given == {"own": 0}
    assert manager.costs()["d"]["on_config_load"].errors == 1


def test_metrics_of_all_plugins_are_collected(tmp_path: Path) -> None:
    """Each with its plugin; a name that Prometheus refuses is left out."""
    hooks = "def on_metrics_collect(self, metrics):\n    "
    write(tmp_path, "a", hooks + "return {'x': metrics['up'], 'no good': 1}")
    write(tmp_path, "b", hooks + "return {'x': 2}")

    found = managed(tmp_path).metrics_collect({"up": 3})

    assert found == [Sample("x", 3.0, {"plugin": "a"}), Sample("x", 2.0, {"plugin": "b"})]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """And what is not faulty is loaded."""
    write(tmp_path, "good", on_start("return 1"))
    write(tmp_path, "bad", "def on_service_start(self, name, pid): pass")
    (tmp_path / "worse.py").write_text("import nothing_of_this_name")
    manager = managed(tmp_path)

    assert manager.call("service_start", "api", 1) == [1]
    with pytest.raises(PluginError) as caught:
        manager.check()
    assert f"{tmp_path}/bad.py:10: on_service_start: parameter `name` should be" in str(
        caught.value
    )
    assert f"{tmp_path}/worse.py:1: ModuleNotFoundError" in str(caught.value)


def test_a_hook_that_does_not_exist_is_the_callers_mistake(tmp_path: Path) -> None:
    """With the nearest that does."""
    with pytest.raises(PluginError, match="on_service_start"):
        managed(tmp_path).call("service_strat")


@pytest.mark.slow
def test_a_call_costs_at_most_twice_that_of_pluggy() -> None:
    """Over twenty plugins, sync, with all the counting."""
    ours, theirs = measure(calls=3_000, rounds=5)

    assert ours <= BAR * theirs
