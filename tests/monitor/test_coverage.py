"""What of a suite nobody would hear of."""

from typing import Any

import pytest

from intertie.errors import IntertieError
from intertie.monitor.coverage import coverage
from intertie.suite.model import Suite


def suite(monitoring: dict[str, Any], **more: Any) -> Suite:
    """Two services, one of them behind a route."""
    return Suite.model_validate(
        {
            "suite": "shop",
            "services": {
                "web": {"command": "true", "port": "auto"},
                "worker": {"command": "true"},
            },
            "gateway": {
                "routes": [
                    {"path": "/", "service": "web"},
                    {"path": "/old", "redirect": {"to": "/"}},
                ]
            },
            "monitoring": monitoring,
            **more,
        }
    )


def watched(found: Suite) -> dict[str, tuple[str, ...]]:
    """What watches each part."""
    return {f"{each.thing.kind} {each.thing.name}": each.by for each in coverage(found)}


def test_rules_watch_what_they_read() -> None:
    """A service without requests is none of a rule about requests, nor is a redirect a part."""
    found = watched(suite({"alerts": {"critical": ["error_rate > 5%"]}}))
    down = {"Down": {"expr": 'intertie_service_up{service!="web"} == 0'}}
    up = watched(suite({"alerts": {"rules": down}}))

    assert found == {
        "service web": ("rule ErrorRateCritical",),
        "service worker": (),
        "route /": ("rule ErrorRateCritical",),
    }
    assert up["service web"] == ()
    assert up["service worker"] == ("rule Down",)


def test_objectives_watch_what_they_are_of() -> None:
    """A service's also its routes; a tenant's is of one tenant only."""
    slo = {
        "web": {"service": "web", "objective": "99%"},
        "acme": {"tenant": "acme", "objective": "99%"},
    }
    found = watched(suite({"slo": slo}, tenants={"acme": {}, "other": {}}))

    assert found["service web"] == found["route /"] == ("slo web",)
    assert found["tenant acme"] == ("slo acme",)
    assert found["tenant other"] == ()


def test_topics_are_watched_by_what_is_counted_of_them() -> None:
    """Groups that get them, and figures that they feed."""
    monitoring = {
        "metrics": {"revenue": {"topic": "orders.*"}},
        "alerts": {
            "rules": {
                "Poor": {"expr": "rate(revenue[1h]) < 1"},
                "Lost": {"expr": 'intertie_bus_dead_letters{topic="users.#"} > 0'},
            }
        },
    }
    topics: dict[str, Any] = {"orders.paid": {}, "users.made": {}, "mails.sent": {}}
    found = watched(suite(monitoring, bus={"topics": topics}))

    assert found["topic orders.paid"] == ("rule Poor",)
    assert found["topic users.made"] == ("rule Lost",)
    assert found["topic mails.sent"] == ()


def test_tasks_are_watched_by_who_is_told_of_failures() -> None:
    """A sum over all tenants is of none of them."""
    monitoring = {
        "channels": {"ops": {"kind": "webhook", "url": "http://127.0.0.1:9/"}},
        "alerts": {
            "rules": {
                "All": {"expr": "sum(rate(intertie_integration_failures_total[5m])) > 1"},
                "Each": {
                    "expr": "sum by (tenant) (rate(intertie_integration_failures_total[5m])) > 1"
                },
            }
        },
    }
    timing = {"schedule": "0 3 * * *", "command": "true"}
    tasks = {"a": {**timing, "notifications": {"failure": "ops"}}, "b": timing}
    found = watched(suite(monitoring, automation={"tasks": tasks}, tenants={"acme": {}}))

    assert found["task a"] == ("channel ops",)
    assert found["task b"] == ()
    assert found["tenant acme"] == ("rule Each",)


def test_scraped_services_are_watched_by_their_pages() -> None:
    """`up` is of each page that is read."""
    monitoring = {
        "metrics_collection": {"scrape": {"pages": {"service": "web"}}},
        "alerts": {"rules": {"Gone": {"expr": 'up{job="pages"} == 0'}}},
    }

    found = watched(suite(monitoring))

    assert found["service web"] == ("rule Gone",)
    assert found["service worker"] == ()


def test_a_rule_that_nobody_can_look_at_is_a_fault() -> None:
    """With its name."""
    with pytest.raises(IntertieError, match="rule Odd"):
        coverage(suite({"alerts": {"rules": {"Odd": {"expr": "sum(a"}}}}))
