"""Other names of keys."""

from collections.abc import Callable

import pytest

from intertie.suite import Loaded

HEAD = 'suite: x\nservices: {web: {command: "true", port: auto}}\n'
LoadText = Callable[..., Loaded]
Check = Callable[..., list[str]]


def test_an_api_gateway_is_a_gateway(load_text: LoadText) -> None:
    """And a service mesh is a mesh."""
    loaded = load_text(
        HEAD + "api_gateway: {routes: [{path: /, service: web}]}\n"
        "service_mesh: {components: [envoy proxy], features: [security]}\n"
    )

    assert loaded.suite.gateway is not None
    assert [route.path for route in loaded.suite.gateway.routes] == ["/"]
    assert loaded.suite.mesh is not None
    assert loaded.suite.mesh.features == ("security",)


@pytest.mark.parametrize(("other", "own"), [("api_gateway", "gateway"), ("service_mesh", "mesh")])
def test_both_names_are_one_too_many(told: Check, other: str, own: str) -> None:
    """With the line of each."""
    [fault] = told(HEAD + f"{own}: {{}}\n{other}: {{}}\n")

    assert fault.startswith(f"suite.yaml:4:1: {other}: `{own}` says it already (")
    assert "suite.yaml:3:1" in fault


def test_faults_keep_their_line(told: Check) -> None:
    """Under the name that the thing has."""
    [fault] = told(HEAD + "api_gateway:\n  routes:\n    - {path: /, service: wep}\n")

    assert fault.startswith("suite.yaml:5:17: gateway.routes[0].service: no service is called")


def test_what_a_mesh_does_not_have_is_refused(told: Check) -> None:
    """Components and features are of a known list."""
    faults = told(HEAD + "service_mesh: {components: [linkerd], features: [magic]}\n")

    assert len(faults) == 2
