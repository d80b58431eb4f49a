"""What answers alerts comes and goes with the suite file, and survives a killed daemon."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.app.remedied import SERVICES, ask, history, remedied, statuses, suite
from tests.e2e.shop import until

pytestmark = pytest.mark.slow
ENDLESS = (
    "{alerts: Ill, action: {command: sleep 4711}, wait: 20s, cooldown: 100ms, max_attempts: 2}"
)


def sleepers() -> list[int]:
    """Of the action without end."""
    found = psutil.process_iter(["cmdline"])
    return [each.pid for each in found if each.info["cmdline"] == ["sleep", "4711"]]


def test_an_action_that_a_killed_daemon_was_doing_is_seen_and_counted(tmp_path: Path) -> None:
    """The next daemon ends what is left of it, and makes the next attempt."""
    with remedied(tmp_path, suite("automatic", rule=ENDLESS)) as site:
        ask(site, "web", "/break")
        until(lambda: statuses(site) == ["doing"] and sleepers() != [])
        left = sleepers()

        os.kill(site.bench.daemon()["pid"], signal.SIGKILL)
        site.up()

        until(lambda: statuses(site) == ["interrupted", "doing"])
        assert [each["attempt"] for each in history(site)] == [1, 2]
        until(lambda: not set(left) & set(sleepers()))
        ask(site, "web", "/cure")
    assert sleepers() == []


def test_remediation_begins_with_the_file_and_ends_with_it(tmp_path: Path) -> None:
    """An alert that fires already is answered then; without the table nothing can be looked at."""
    with remedied(tmp_path, SERVICES) as site:
        ask(site, "web", "/break")
        assert "has none" in site.bench("remediation", "list").err
        text = (tmp_path / "suite.yaml").read_text()
        (tmp_path / "suite.yaml").write_text(text + suite("automatic").removeprefix(SERVICES))

        site.bench.ok("apply")
        until(lambda: site.bench("remediation", "list").code == 0)
        until(lambda: statuses(site) == ["recovered"])

        (tmp_path / "suite.yaml").write_text(text)
        site.bench.ok("apply")
        assert site.bench("remediation", "history").code == 1


def test_a_suite_without_remediation_loads_nothing_of_it() -> None:
    """The daemon is to start quickly."""
    look = (
        "import sys, intertie.app.watchers, intertie.app.front;"
        "print([n for n in sys.modules if 'automation.remedia' in n or 'remedying' in n])"
    )
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "[]"
