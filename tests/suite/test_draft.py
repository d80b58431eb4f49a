from pathlib import Path

from intertie.suite.draft import draft, salvage
from intertie.suite.health import Healthcheck
from intertie.suite.route import Route
from intertie.suite.service import Service
from intertie.suite.tree import Place, Places

WHERE = Places({(): Place(Path("suite.yaml"), 1, 1)})


def test_a_service_is_left_without_its_faulty_keys() -> None:
    """Also without its command, which a stand-in replaces, and by rules between keys."""
    found = salvage(
        Service,
        {"command": 1, "port": "x", "profiles": ["a"], "healthcheck": {"tcp": True}, "zzz": 1},
    )

    assert found == Service(command=("-",), profiles=("a",))


def test_too_little_is_nothing() -> None:
    """A route needs a path; what is no map is nothing; a rule about all of it leaves nothing."""
    assert salvage(Route, {"service": "web"}) is None
    assert salvage(Route, 7) is None
    assert salvage(Healthcheck, {}) is None


def test_a_draft_holds_what_makes_sense() -> None:
    """Names of all services, routes by their index, defaults for the rest."""
    found = draft(
        {
            "services": {"a": {"command": "x", "depends_on": ["b"], "port": 0}, "b": 7},
            "gateway": {"port": 1, "routes": [{"path": "/"}, {"path": "/", "service": "a"}]},
            "api": {"port": "x"},
        },
        WHERE,
        Path(),
    )

    assert found.names == {"a", "b"}
    assert set(found.services) == {"a"}
    assert set(found.services["a"].depends_on) == {"b"}
    assert list(found.routes) == [1]
    assert found.gateway is not None
    assert found.gateway.port == 1
    assert found.api.port == 8080


def test_nonsense_is_an_empty_draft() -> None:
    """Nothing can make it fail."""
    found = draft({"services": 1, "gateway": [1], "api": 2}, WHERE, Path())

    assert found.names == frozenset()
    assert found.routes == {}
    assert found.api.port == 8080
