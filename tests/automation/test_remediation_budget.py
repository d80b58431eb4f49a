"""How much remediation may do."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from intertie.automation.remediation import Entry, Site
from intertie.automation.remediation_budget import Spent, allowed, instances, refusal
from intertie.suite.remediation import Budget
from tests.automation.alarm import SITE, at, config, entry


def refused(
    service: str = "web",
    *,
    rule: Mapping[str, object] | None = None,
    acted: Sequence[Entry] = (),
    site: Site = SITE,
    **budget: object,
) -> str | None:
    """The word for why not."""
    it = config(rule, budget=budget)
    spent = Spent(it.budget, acted, it.rules, site, at(100))
    found = refusal(it.rules["up"], service, spent)
    return found.code if found else None


def test_what_nothing_speaks_against_may_be_done() -> None:
    """In a suite of six instances, two may be acted on at once."""
    assert refused() is None
    assert allowed(Budget(), SITE) == 2


def test_one_instance_always_may_be_acted_on() -> None:
    """Otherwise small suites could not be helped."""
    small = Site({"web": 1})

    assert allowed(Budget(), small) == 1
    assert refused(site=small) is None


@pytest.mark.parametrize(
    ("action", "count"),
    [
        ("restart", 1),
        ("stop", 3),
        ("start", 0),
        ({"command": "true"}, 3),
        ({"scale": {}}, 0),
        ({"task": "tidy"}, 0),
    ],
)
def test_an_action_takes_as_many_instances_as_it_does_at_once(action: object, count: int) -> None:
    """A restart goes from one replica to the next."""
    assert instances(config({"action": action}).rules["up"], "shop", SITE) == count


def test_no_more_instances_at_once_than_the_blast_radius() -> None:
    """Those that are being remedied now count, those that were do not."""
    going_on = [entry("doing", service="mail"), entry("waiting", service="shop", id=2)]
    over = [replace(each, ended_at=at(99)) for each in going_on]
    far = Site({"web": 1, "mail": 1, "shop": 4})

    assert refused(acted=going_on, site=far) == "blast_radius"
    assert refused(acted=going_on, site=far, blast_radius=60) is None
    assert refused(acted=over, site=far) is None
    assert refused("shop", rule={"action": "stop"}, site=far) == "blast_radius"


@pytest.mark.parametrize(
    ("service", "other"), [("web", "db"), ("db", "web"), ("shop", "db"), ("db", "shop")]
)
def test_none_beside_one_that_it_depends_on_or_that_depends_on_it(service: str, other: str) -> None:
    """In the end, too."""
    assert refused(service, acted=[entry(service=other)], blast_radius=100) == "neighbour"
    assert refused(service, acted=[entry(service="mail")], blast_radius=100) is None


def test_not_more_often_than_the_budget_says() -> None:
    """Within the window, whatever rule it was."""
    acted = [
        replace(entry("recovered", since=second, id=second + 1), rule="other", ended_at=at(60))
        for second in (10, 50)
    ]

    assert refused(acted=acted, per_service=2) == "rate"
    assert refused(acted=acted, per_service=2, window=60) is None
    assert refused("db", acted=acted, per_service=2) is None


def test_a_service_that_somebody_changes_is_left_alone() -> None:
    """People go first."""
    assert refused(site=replace(SITE, busy={"web": "apply (by ada)"})) == "busy"


def test_it_has_to_be_a_service_of_the_suite() -> None:
    """Alerts may tell of anything."""
    assert refused("elsewhere") == "unknown_service"
    assert refused("") == "no_service"


def test_a_task_needs_no_service() -> None:
    """It is counted all the same."""
    task = {"action": {"task": "tidy"}}

    assert refused("", rule=task) is None
    assert refused("", rule=task, acted=[entry("recovered", service="")], per_service=1) == "rate"
