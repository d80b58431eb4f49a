"""The examples of docs/monitoring.md and docs/automation.md work as they are printed there."""

import re
from pathlib import Path

import pytest

from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parent.parent / "docs"


def block(page: str, language: str) -> str:
    """The page's only example in a language."""
    [found] = re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return str(found)


def test_what_is_said_of_monitoring(bench: Bench) -> None:
    """On a suite whose channel nobody answers."""
    # Other tests may keep the machine busy: that alert would fire, and nobody answers its channel.
    bench.write(block("monitoring.md", "yaml").replace("cpu_usage > 90%", "cpu_usage > 101%"))
    started = bench("up", "--detach", env={"INTERTIE_SECRET_OPS": "s" * 32})
    assert started.code == 0, started.err
    query = ("metrics", "query", "intertie_service_up")
    until(lambda: "web" in bench(*query).out)
    until(lambda: "95percentile" in bench("metrics", "summary", "intertie_cpu_usage_ratio").out)

    shown = bench.script(block("monitoring.md", "sh"))

    assert "1 tests of rules, 0 failed" in shown
    assert "as PromQL" in shown
    assert "BigOrder" in shown


def test_what_is_said_of_automation(bench: Bench) -> None:
    """From a file to its restored copy."""
    bench.write(block("automation.md", "yaml"))
    (bench.folder / "data").mkdir()
    bench.ok("up", "--detach")
    until(lambda: bench("schedule", "list").code == 0)
    until(lambda: bench("health").code == 0)

    shown = bench.script(block("automation.md", "sh"))

    assert "it is shop" in shown
    assert "the clock leaves 02:30 out" in shown
    assert '"findings": []' in shown
    assert shown.rstrip().endswith("remember the milk")
