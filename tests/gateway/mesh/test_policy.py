"""Who may call whom, of what a suite says."""

from typing import Any

import pytest

from intertie.gateway.mesh.policy import members, merged
from intertie.suite.mesh import Mesh
from tests.gateway.mesh.stage import suite_of


def callers(services: dict[str, dict[str, Any]], mesh: Mesh | None = None, **more: Any) -> Any:
    """Of each member."""
    found = members(suite_of(services, **more), mesh or Mesh())
    return {name: list(member.callers) for name, member in found.items()}


@pytest.mark.parametrize("condition", ["service_started", "service_healthy", "service_completed"])
def test_a_dependency_is_a_right_to_call(condition: str) -> None:
    """Whatever it waits for, required or not; nobody else may call."""
    check = {"healthcheck": {"tcp": True}}
    needs = {"api": {"condition": condition, "required": False}}

    assert callers({"web": {"depends_on": needs}, "api": check, "other": {}}) == {
        "web": [],
        "api": ["web"],
        "other": [],
    }


def test_rights_are_not_passed_on() -> None:
    """Who may call one that may call another, may not call the other."""
    services = {"a": {"depends_on": ["b"]}, "b": {"depends_on": ["c"]}, "c": {}}

    assert callers(services) == {"a": [], "b": ["a"], "c": ["b"]}


def test_allow_adds_callers() -> None:
    """Beside those declared elsewhere; unknown names, and a service itself, are nobody."""
    mesh = Mesh(allow={"api": ("job", "ghost", "api"), "ghost": ("web",)})

    found = callers({"web": {"depends_on": ["api"]}, "api": {}, "job": {"port": None}}, mesh)

    assert found == {"web": [], "api": ["job", "web"], "job": []}


def test_the_gateway_calls_where_it_has_routes() -> None:
    """And nowhere else, unless allowed."""
    routes = {"routes": [{"path": "/", "service": "web"}]}
    mesh = Mesh(allow={"hook": ("gateway",)})

    found = callers({"web": {}, "api": {}, "hook": {}}, mesh, gateway=routes)

    assert found == {"web": ["gateway"], "api": [], "hook": ["gateway"]}


def test_who_is_not_called_and_calls_nobody_has_no_sidecar() -> None:
    """A program without a port is a member only as a caller."""
    services: dict[str, dict[str, Any]] = {
        "batch": {"port": None},
        "job": {"port": None, "depends_on": ["db"]},
        "db": {},
    }

    found = members(suite_of(services), Mesh(tcp=("db",)))

    assert sorted(found) == ["db", "job"]
    assert (found["job"].is_called, found["job"].targets) == (False, ("db",))
    assert (found["db"].is_tcp, found["db"].targets) == (True, ())


def test_while_services_change_all_rights_are_good() -> None:
    """Those that go, until their holders are gone, beside those that come."""
    old = members(suite_of({"web": {"depends_on": ["a"]}, "a": {}, "gone": {}}), Mesh())
    new = members(suite_of({"web": {"depends_on": ["b"]}, "a": {}, "b": {}}), Mesh())

    found = merged(old, new)

    assert list(found) == ["a", "b", "gone", "web"]
    assert found["web"].targets == ("a", "b")
    assert (found["a"].callers, found["b"].callers) == (("web",), ("web",))
