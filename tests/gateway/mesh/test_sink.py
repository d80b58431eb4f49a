"""Delivery to a real sidecar: taken as a whole, or not at all."""

import dataclasses
import json
from pathlib import Path

import pytest

from intertie.errors import GatewayError
from intertie.gateway.admin import Admin
from intertie.gateway.mesh.envoy import Resources, translate
from intertie.gateway.mesh.sink import Sink
from intertie.plan import Endpoint
from tests.gateway.mesh.stage import Town, client, service, suite_of, town

pytestmark = pytest.mark.anyio

SHOP = {"web": {"depends_on": ["api"]}, "api": {}}


def contents(folder: Path) -> dict[str, str]:
    """Every dynamic file."""
    files = (path for name in ("xds", "eds") for path in (folder / name).glob("*"))
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def wanted(made: Town, name: str, *ports: int) -> Resources:
    """Of one sidecar, whose replicas listen there."""
    domain = made.controller.domain
    places = [Endpoint("127.0.0.1", port) for port in ports]
    return translate(domain.members[name], domain, places)


async def test_files_wait_for_an_envoy_that_does_not_run(tmp_path: Path) -> None:
    """All are there for its start, and nothing else."""
    made = Town(tmp_path, suite_of(SHOP))

    await Sink(tmp_path / "a").publish(wanted(made, "api", 9000))

    assert sorted(contents(tmp_path / "a")) == [
        "eds/app.json",
        "xds/cds.json",
        "xds/lds.json",
        "xds/rds.inbound.json",
        "xds/rds.names.json",
    ]
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == ["eds", "xds"]


async def test_damaged_files_are_written_anew(tmp_path: Path) -> None:
    """What an earlier daemon left need not be good."""
    made = Town(tmp_path, suite_of(SHOP))
    folder = tmp_path / "a" / "xds"
    folder.mkdir(parents=True)
    (folder / "cds.json").write_text("{")

    await Sink(tmp_path / "a").publish(wanted(made, "web"))

    names = [each["name"] for each in json.loads((folder / "cds.json").read_text())["resources"]]
    assert names == ["app", "to.api"]


@pytest.mark.slow
async def test_a_refused_change_is_taken_back(tmp_path: Path) -> None:
    """The files are as before, Envoy serves as before, and the next good change goes through."""
    async with service() as port, town(tmp_path, suite_of(SHOP), {"api": (port,)}) as made:
        folder = made.home / "web"
        sink, good = Sink(folder), wanted(made, "web")
        before = contents(folder)
        broken = {**good.clusters[0], "lb_policy": "NO_SUCH"}
        bad = dataclasses.replace(good, clusters=(broken, *good.clusters[1:]))

        with pytest.raises(GatewayError, match=r"did not take cluster_manager.cds"):
            await sink.publish(bad)
        after = contents(folder)
        await sink.publish(wanted(made, "web", 9000))
        async with client() as http:
            answer = await http.get(made.url("web", "api"))

    assert after == before
    assert answer.status_code == 200


@pytest.mark.slow
async def test_a_change_is_live_when_it_is_published(tmp_path: Path) -> None:
    """Envoy tells the version of what was written; what is the same is not written."""
    async with town(tmp_path, suite_of(SHOP), {}) as made:
        folder = made.home / "api"
        sink = Sink(folder)
        await sink.publish(wanted(made, "api", 9000))
        stats = await Admin(folder).stats(r"^cluster\.app\.version_text$")
        file = folder / "eds" / "app.json"
        node = file.stat().st_ino
        await sink.publish(wanted(made, "api", 9000))

    assert stats == {"cluster.app.version_text": json.loads(file.read_text())["version_info"]}
    assert file.stat().st_ino == node
