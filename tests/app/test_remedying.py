"""Alerts of a running suite are answered, within a budget, and people are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.monitored import TOLD_S, Site
from tests.app.remedied import (
    alarming,
    ask,
    history,
    pid,
    remedied,
    statuses,
    suite,
)
from tests.e2e.shop import until

pytestmark = pytest.mark.slow
BUDGET = "    budget: {per_service: 1}\n"
TASKS = """  tasks:
    cure: {command: rm -f web.stays, schedule: "0 3 * * 0"}
    fail: {command: "false", schedule: "0 3 * * 0", retry: {attempts: 1}}
"""
IDENTITY = """
identity: {}
gateway: {port: auto, routes: [{path: /, service: web}]}
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """It acts by itself, once an hour on each service."""
    with remedied(tmp_path, suite("automatic", more=BUDGET + IDENTITY)) as made:
        yield made


def test_a_broken_service_is_restarted_and_its_alert_is_over(site: Site) -> None:
    """With an event for each move, a row of the audit trail, and its place in the post-mortem."""
    before = pid(site)

    ask(site, "web", "/break")
    site.hook.about("Ill")
    site.hook.about("Ill", "resolved")
    until(lambda: statuses(site) == ["recovered"])

    assert pid(site) != before
    assert alarming(site) == []
    written = site.bench.ok("incident").out
    assert "restart web: alert Ill (rule ill, attempt 1) | remediation | done" in written
    assert "remediation recovered: restart (rule ill, attempt 1)" in written
    audited = site.bench.ok("audit", "list").out
    assert "remediation.doing" in audited
    log = site.bench.ok("events").out
    assert log.count("suite.remediation") == 3


def test_two_that_depend_on_each_other_are_not_remedied_at_once(site: Site) -> None:
    """One is refused while the other is seen to, and done after it; then the budget is used up."""
    for name in ("db", "web"):
        ask(site, name, "/break")

    until(lambda: statuses(site).count("recovered") == 2)
    found = history(site)
    codes = {each["code"] for each in found if each["status"] == "refused"}
    assert codes <= {"neighbour", "busy"}
    times = sorted((e["at"], e["ended_at"]) for e in found if e["status"] == "recovered")
    assert times[0][1] <= times[1][0]

    ask(site, "web", "/break")
    until(lambda: "rate" in [each["code"] for each in history(site)])
    last = history(site)[-1]
    assert (last["status"], last["service"]) == ("refused", "web")
    assert last["why"] == "1 action on web within 3600 s is enough"
    assert alarming(site) == ["web"]
    ask(site, "web", "/cure")
    until(lambda: alarming(site) == [])


def test_what_does_not_help_is_given_up_and_somebody_is_told(tmp_path: Path) -> None:
    """After as many attempts as the rule has; the service is left as it is then."""
    rule = "{alerts: Ill, action: restart, wait: 1s, cooldown: 100ms, max_attempts: 2}"
    with remedied(tmp_path, suite("automatic", rule=rule)) as site:
        (tmp_path / "web.stays").touch()

        until(lambda: statuses(site) == ["not_recovered", "not_recovered", "given_up"])

        told = _until_titled(site, "remediation gave up: restart web")
        assert "2 actions did not help" in told
        left = pid(site)
        assert pid(site) == left
        (tmp_path / "web.stays").unlink()
        until(lambda: history(site)[-1]["resolved_at"] is not None)


def test_a_task_and_a_command_can_be_the_answer(tmp_path: Path) -> None:
    """A task that fails has not helped, nor has a command; the suite file may change meanwhile."""
    rule = "{alerts: Ill, action: {task: fail}, wait: 20s, cooldown: 100ms, max_attempts: 1}"
    with remedied(tmp_path, suite("automatic", rule=rule, more=TASKS)) as site:
        (tmp_path / "web.stays").touch()
        until(lambda: statuses(site) == ["failed", "given_up"])
        assert history(site)[0]["why"] == "task fail ended: failure"

        _again(site, "{task: fail}", '{command: sh -c "exit 3"}')
        until(lambda: statuses(site)[2:] == ["failed", "given_up"])
        assert "ended with exit code 3" in history(site)[2]["why"]

        _again(site, '{command: sh -c "exit 3"}', "{task: cure}")
        until(lambda: statuses(site)[4:] == ["recovered"])


def _again(site: Site, old: str, new: str) -> None:
    """The alert fires anew, and is answered in another way."""
    (site.bench.folder / "web.stays").unlink()
    until(lambda: alarming(site) == [])
    file = site.bench.folder / "suite.yaml"
    file.write_text(file.read_text().replace(old, new))
    site.bench.ok("apply")
    (site.bench.folder / "web.stays").touch()


def _until_titled(site: Site, title: str) -> str:
    while True:
        _, body = site.hook.told.get(timeout=TOLD_S)
        if str(body.get("title", "")).startswith(title):
            return str(body["message"])
