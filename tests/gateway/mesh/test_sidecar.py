"""Sidecars as services, and what services are told of each other."""

from pathlib import Path

from intertie.gateway.mesh.layout import Doors, Layout
from intertie.gateway.mesh.policy import members
from intertie.gateway.mesh.sidecar import sidecar_service, variables, with_sidecars
from intertie.plan import order
from intertie.runtime.ports import Ports
from intertie.suite.mesh import Mesh
from tests.gateway.mesh.stage import suite_of

SUITE = suite_of({"web": {"depends_on": ["api"]}, "api": {}, "batch": {"port": None}})
MEMBERS = members(SUITE, Mesh())


def test_a_sidecar_is_an_ordinary_service(tmp_path: Path) -> None:
    """Kept alive, watched by its port, one thread."""
    made = sidecar_service(tmp_path, Doors(21000, 21001))

    assert (made.port, made.working_dir) == (21001, str(tmp_path))
    assert made.restart.policy == "always"
    assert made.healthcheck is not None
    assert made.command[made.command.index("--concurrency") + 1] == "1"
    assert "127.0.0.1:21001" in made.command


def test_a_service_starts_after_its_sidecar(tmp_path: Path) -> None:
    """And stops before it; who is no member stays as it is."""
    doors = Layout.open(tmp_path, Ports()).arrange(MEMBERS)

    found = with_sidecars(SUITE.services, doors, tmp_path)

    assert sorted(found) == ["api", "batch", "mesh.api", "mesh.web", "web"]
    assert order(found) == (("batch", "mesh.api", "mesh.web"), ("api",), ("web",))
    assert found["web"].depends_on["mesh.web"].condition == "service_healthy"
    assert found["batch"] == SUITE.services["batch"]


def test_only_active_services_have_sidecars(tmp_path: Path) -> None:
    """A service whose profile is off has none."""
    doors = Layout.open(tmp_path, Ports()).arrange(MEMBERS)

    found = with_sidecars({"api": SUITE.services["api"]}, doors, tmp_path)

    assert sorted(found) == ["api", "mesh.api"]


def test_a_service_finds_whom_it_may_call_through_its_sidecar(tmp_path: Path) -> None:
    """Others of the mesh it does not find, what is outside as ever, and sidecars never."""
    doors = Layout.open(tmp_path, Ports()).arrange(MEMBERS)
    urls = {
        "web": "http://127.0.0.1:1",
        "api": "http://127.0.0.1:2",
        "gateway": "http://127.0.0.1:3",
        "mesh.api": "http://127.0.0.1:4",
    }

    found = {
        name: dict(variables(name, urls, members=MEMBERS, doors=doors))
        for name in ("web", "api", "batch")
    }

    outside = {"INTERTIE_URL_GATEWAY": "http://127.0.0.1:3"}
    assert found["web"] == {
        **outside,
        "INTERTIE_URL_API": f"http://127.0.0.1:{doors['web'].egress['api']}",
        "INTERTIE_MESH_URL": f"http://127.0.0.1:{doors['web'].names}",
    }
    assert found["api"] == {
        **outside,
        "INTERTIE_MESH_URL": f"http://127.0.0.1:{doors['api'].names}",
    }
    assert found["batch"] == outside
