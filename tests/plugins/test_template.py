from pathlib import Path

import pytest

from intertie.errors import PluginError
from intertie.plugins.template import write_new
from tests.plugins.written import managed


def test_a_new_plugin_works_as_it_is(tmp_path: Path) -> None:
    """Every hook in it."""
    file = write_new("order_audit", tmp_path / "plugins")

    with managed(tmp_path / "plugins") as manager:
        manager.check()
        manager.service_start("api", 1)
        manager.service_stop("api", 1)
        manager.service_error("api", ValueError("no"))
        assert [each.name for each in manager.metrics_collect({})] == ["order_audit_answer"]
        costs = manager.costs()["order_audit"]
    assert {cost.errors for cost in costs.values()} == {0}
    assert "class OrderAuditPlugin" in file.read_text()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A person's work may be in it."""
    (tmp_path / "a.py").write_text("mine")

    with pytest.raises(PluginError, match="there already"):
        write_new("a", tmp_path)
    assert (tmp_path / "a.py").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "1a", "a-b", "../a", "class", "A"])
def test_a_name_that_no_module_can_have_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written."""
    with pytest.raises(PluginError, match="expected"):
        write_new(name, tmp_path)
    assert not list(tmp_path.iterdir())
