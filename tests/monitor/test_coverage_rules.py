"""Rules for parts that nobody would hear of."""

from typing import Any

from intertie.monitor.coverage import coverage
from intertie.monitor.coverage_rules import channels, proposals, together
from intertie.suite.model import Suite

BARE: dict[str, Any] = {
    "suite": "shop",
    "services": {
        "web": {"command": "true", "port": "auto"},
        "web-2": {"command": "true", "port": "auto"},
        "9": {"command": "true"},
    },
    "gateway": {
        "routes": [{"path": "/", "service": "web"}, {"path": "/a/{id}", "service": "web-2"}]
    },
    "bus": {"topics": {"orders.paid": {}, "orders-paid": {}}},
    "tenants": {"acme": {"sla": "99.95%"}},
    "automation": {
        "backup": {},
        "maintenance": {"schedule": "0 4 * * *"},
        "tasks": {"nightly": {"schedule": "0 3 * * *", "command": "true"}},
    },
}


def merged(old: dict[str, Any], new: Any) -> dict[str, Any]:
    """One tree put into another."""
    both = {key: merged(old[key], new[key]) for key in old.keys() & new.keys()}
    return {**old, **new, **both}


def test_with_all_proposals_everything_is_watched() -> None:
    """And the file is as valid as before."""
    suite = Suite.model_validate(BARE)
    lacking = [each.thing for each in coverage(suite) if not each.by]

    better = Suite.model_validate(merged(BARE, together(proposals(lacking, suite))))

    assert len(lacking) == 3 + 2 + 2 + 4 + 1
    assert [each.thing for each in coverage(better) if not each.by] == []
    assert better.monitoring is not None
    assert str(better.monitoring.slo["tenant-acme"].objective) == "99.95"
    assert set(channels(better)) == {"ops"}


def test_no_rule_is_replaced() -> None:
    """A name that is taken gets a number."""
    rules = {"WebDown": {"expr": "up == 0"}}
    suite = Suite.model_validate({**BARE, "monitoring": {"alerts": {"rules": rules}}})
    lacking = [each.thing for each in coverage(suite) if not each.by]

    found: Any = together(proposals(lacking, suite))

    names = list(found["monitoring"]["alerts"]["rules"])
    assert "WebDown2" in names
    assert "R9Down" in names
    assert len(names) == len(set(names)) == 7
