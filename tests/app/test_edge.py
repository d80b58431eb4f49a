"""Which parts the edge of a suite has."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group

from intertie.app.edge import CACHE, Edge, is_engine
from intertie.app.identity import DOOR
from intertie.errors import ConflictError
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.engines import GATEWAY
from intertie.runtime.folder import StateFolder
from intertie.runtime.hub import EventHub
from intertie.suite.model import Suite
from intertie.suite.service import Service

SPEC = Service(command=("true",))


def suite(**keys: Any) -> Suite:
    """With two services, one of which calls the other."""
    return Suite.model_validate(
        {
            "suite": "test",
            "services": {
                "web": {"command": "true", "port": "auto", "depends_on": ["db"]},
                "db": {"command": "true", "port": "auto"},
            },
            **keys,
        }
    )


def edge(tmp_path: Path) -> Edge:
    """Of a suite that has not run before."""
    folder = StateFolder(tmp_path / ".intertie")
    folder.create()
    return Edge(folder, tmp_path, left={})


def engines(tmp_path: Path, wanted: Suite) -> set[str]:
    """What runs beside the suite's own services."""
    made = edge(tmp_path)
    return set(made.with_engines(made.with_port(wanted), wanted.services)) - {"web", "db"}


def test_a_part_runs_only_where_it_is_asked_for(tmp_path: Path) -> None:
    """A suite without a gateway has none of them; each key brings its own."""
    assert engines(tmp_path, suite()) == set()
    assert engines(tmp_path, suite(gateway={"port": "auto"})) == {GATEWAY}
    assert engines(tmp_path, suite(gateway={"port": "auto"}, identity={})) == {GATEWAY, DOOR}
    cached = {"port": "auto", "caching": {}}
    assert engines(tmp_path, suite(gateway=cached)) == {GATEWAY, CACHE}
    assert engines(tmp_path, suite(mesh={})) == {"mesh.web", "mesh.db"}


def test_parts_are_told_from_services() -> None:
    """By name: nobody else may have these."""
    assert all(map(is_engine, (GATEWAY, DOOR, CACHE, "mesh.web")))
    assert not is_engine("web")


def test_a_port_stays_the_same_for_the_daemons_life(tmp_path: Path) -> None:
    """Clients keep their address; one that a killed daemon left is taken over."""
    made, wanted = edge(tmp_path), suite(gateway={"port": "auto"})
    first, second = made.with_port(wanted), made.with_port(wanted)
    later = Edge(StateFolder(tmp_path / ".intertie"), tmp_path, left={GATEWAY: 23456})

    assert first == second
    assert first.gateway is not None
    assert isinstance(first.gateway.port, int)
    taken_over = later.with_port(wanted).gateway
    assert taken_over is not None
    assert taken_over.port == 23456


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ({}, {"gateway": {}}, "add a gateway"),
        ({"gateway": {}}, {}, "take the gateway away"),
        ({}, {"mesh": {}}, "add a mesh"),
        ({"mesh": {}}, {"mesh": {"enabled": False}}, "take the mesh away"),
    ],
)
def test_what_only_a_new_daemon_can_change_is_refused(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], what: str
) -> None:
    """With what to do instead."""
    with pytest.raises(ConflictError, match=f"cannot {what}.*intertie down"):
        edge(tmp_path).require_same(suite(**before), suite(**after))


def _constant(snapshot: Snapshot) -> Callable[[], Snapshot]:
    return lambda: snapshot


@pytest.mark.anyio
async def test_sockets_go_with_the_processes_that_made_them(tmp_path: Path) -> None:
    """At the end, and not while one of the edge is still there."""
    left = StateFolder(tmp_path / ".intertie").envoy / "cache.sock"
    replica = Replica(
        DOOR, 0, State.RUNNING, pid=1, port=None, since=datetime.now(UTC), restarts=0, reason=""
    )
    for pid, stays in ((1, True), (None, False)):
        made, wanted = edge(tmp_path), suite()
        now = Snapshot({DOOR: ServiceStatus(DOOR, SPEC, (replace(replica, pid=pid),))})
        made.build(wanted, EventHub("test", now=lambda: datetime.now(UTC)), _constant(now))
        left.touch()
        async with create_task_group() as group:
            await made.start(group)
            group.cancel_scope.cancel()
        assert left.exists() == stays


def test_without_a_mesh_services_find_each_other_directly(tmp_path: Path) -> None:
    """All others, by their own addresses."""
    urls = {"web": "http://127.0.0.1:1", "db": "http://127.0.0.1:2"}

    assert edge(tmp_path).variables("web", urls) == {"INTERTIE_URL_DB": "http://127.0.0.1:2"}
