"""Delivery through files to a real Envoy: nothing lost, nothing half done."""

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import CancelScope, create_task_group, fail_after

from intertie.errors import GatewayError
from intertie.gateway.admin import Admin
from intertie.gateway.envoy import translate
from intertie.gateway.files import FileSink, generation
from intertie.gateway.policy.tokens import NAME as JWT_FILTER
from intertie.gateway.routes import Surroundings, build
from intertie.gateway.xds import Resources
from intertie.identity.issuer import Issuer
from intertie.plan import Endpoint
from intertie.suite.model import Suite
from tests.gateway.stage import Door, client, door, suite_of, upstream
from tests.gateway.test_envoy import resources_of

pytestmark = pytest.mark.anyio


def contents(folder: Path) -> dict[str, str]:
    """Every dynamic file."""
    files = (path for name in ("xds", "eds") for path in (folder / name).glob("*"))
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def version_in(text: str) -> str:
    """Of a dynamic file."""
    found: str = json.loads(text)["version_info"]
    return found


async def test_without_envoy_the_files_are_just_written(tmp_path: Path) -> None:
    """One of each kind, and one a service; Envoy reads them when it starts."""
    resources = resources_of("spine")

    made = await FileSink(tmp_path).publish(resources)

    assert made == generation(resources)
    services = ("live.feed", "orders", "web")
    filters = (f"filter.{each['name']}" for each in resources.filters)
    kinds = ("cds", *filters, "rds")
    assert set(contents(tmp_path)) == {
        *(f"eds/{name}.json" for name in services),
        *(f"xds/{name}.json" for name in kinds),
    }


async def test_the_same_resources_are_the_same_generation(tmp_path: Path) -> None:
    """Also for a daemon that comes later: nothing is written again."""
    first = await FileSink(tmp_path).publish(resources_of("spine"))
    before = (tmp_path / "xds" / "rds.json").stat()

    assert await FileSink(tmp_path).publish(resources_of("spine")) == first
    assert (tmp_path / "xds" / "rds.json").stat().st_ino == before.st_ino


async def test_only_what_differs_is_written(tmp_path: Path) -> None:
    """Endpoints that move touch the file of their service, and no other."""
    sink = FileSink(tmp_path)
    await sink.publish(resources_of("spine"))
    before = contents(tmp_path)

    await sink.publish(moved(resources_of("spine"), "web", 4001))

    after = contents(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {"eds/web.json"}


async def test_files_of_services_that_are_gone_go(tmp_path: Path) -> None:
    """A folder that lives for years does not fill up."""
    sink = FileSink(tmp_path)
    await sink.publish(resources_of("spine"))

    await sink.publish(resources_of("no_routes"))

    gone = [name for name in contents(tmp_path) if name.startswith("eds/")]
    assert gone == []
    assert "xds/rds.json" in contents(tmp_path)


async def test_broken_files_of_an_earlier_run_are_written_anew(tmp_path: Path) -> None:
    """A full disk or an edit by hand does not stop the next start."""
    await FileSink(tmp_path).publish(resources_of("spine"))
    before = contents(tmp_path)
    (tmp_path / "xds" / "cds.json").write_text("{")

    await FileSink(tmp_path).publish(resources_of("spine"))

    assert contents(tmp_path) == before


def moved(resources: Resources, service: str, port: int) -> Resources:
    """The same with the service's only replica on another port."""
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    hosts = [{"endpoint": {"address": address}}]
    endpoints = tuple(
        {**each, "endpoints": [{"lb_endpoints": hosts}]}
        if each["cluster_name"] == service
        else each
        for each in resources.endpoints
    )
    return dataclasses.replace(resources, endpoints=endpoints)


@dataclasses.dataclass
class Live:
    """A running gateway, and a sink of the test's own beside it."""

    door: Door
    sink: FileSink
    http: httpx.AsyncClient
    port: int

    def resources(self, *routes: dict[str, Any]) -> Resources:
        """With these open routes to services that all listen on the one port."""
        given = [{"auth_required": False, **route} for route in routes]
        names = {route["service"] for route in given}
        suite = Suite.model_validate(
            {
                "suite": "test",
                "services": {name: {"command": "true", "port": "auto"} for name in {*names, "x"}},
                "gateway": {"routes": given},
            }
        )
        endpoints = {name: (Endpoint("127.0.0.1", self.port),) for name in names}
        jwks = self.door.issuer.jwks()
        return translate(build(suite, endpoints, Surroundings(issuer="intertie", jwks=jwks)))

    async def versions(self) -> set[str]:
        """What Envoy says it has."""
        stats = await Admin(self.door.run).stats(r"version_text$")
        assert stats is not None
        return set(stats.values())


@asynccontextmanager
async def live(folder: Path) -> AsyncIterator[Live]:
    """With nothing but one route, `/a`, which works."""
    async with (
        upstream("a") as service,
        door(folder, suite_of(), {}, follow=False) as made,
        client(made) as http,
    ):
        sink = FileSink(made.run, log_file=made.log_file)
        running = Live(made, sink, http, service.port)
        await sink.publish(running.resources({"path": "/a", "service": "a"}))
        assert (await http.get("/a")).status_code == 200
        yield running


@pytest.mark.slow
async def test_published_is_live(tmp_path: Path) -> None:
    """When it returns, Envoy serves the new routes, and says it has every version."""
    async with live(tmp_path) as running:
        wanted = running.resources({"path": "/a", "service": "b"}, {"path": "/c", "service": "c"})
        await running.sink.publish(wanted)

        assert [(await running.http.get(path)).status_code for path in ("/a", "/c")] == [200, 200]
        versions = {version_in(text) for text in contents(running.door.run).values()}
        assert versions <= await running.versions()
        assert set(contents(running.door.run)) >= {"eds/b.json", "eds/c.json"}
        assert "eds/a.json" not in contents(running.door.run)


def broken(resources: Resources, part: str) -> Resources:
    """The same with something in one kind of resource that Envoy will not take."""
    bad: tuple[dict[str, Any], ...]
    match part:
        case "clusters":
            bad = tuple({**each, "lb_policy": "NOPE"} for each in resources.clusters)
        case "endpoints":
            bad = tuple({**each, "typo": True} for each in resources.endpoints)
        case "filters":
            first, *others = resources.filters
            config = {**first["typed_config"], "typo": True}
            bad = ({**first, "typed_config": config}, *others)
        case _:
            bad = tuple({**each, "typo": True} for each in resources.routes)
    return dataclasses.replace(resources, **{part: bad})


@pytest.mark.slow
@pytest.mark.parametrize("part", ["clusters", "endpoints", "filters", "routes"])
async def test_a_refused_change_leaves_everything_as_it_was(tmp_path: Path, part: str) -> None:
    """All files go back, the old routes answer, the reason is Envoy's; the next change works."""
    async with live(tmp_path) as running:
        before = contents(running.door.run)
        wanted = running.resources({"path": "/b", "service": "b"})

        with pytest.raises(GatewayError, match=r"cannot change the gateway: .*(NOPE|typo)"):
            await running.sink.publish(broken(wanted, part))

        assert contents(running.door.run) == before
        assert (await running.http.get("/a")).status_code == 200
        assert (await running.http.get("/b")).status_code == 404
        assert {version_in(text) for text in before.values()} <= await running.versions()

        await running.sink.publish(wanted)

        assert (await running.http.get("/b")).status_code == 200


@pytest.mark.slow
async def test_a_cancelled_change_is_completed_by_the_next(tmp_path: Path) -> None:
    """Wherever it was cut off, what follows starts from what the files hold."""
    async with live(tmp_path) as running:
        wanted = running.resources({"path": "/b", "service": "b"})
        with CancelScope() as scope:
            async with create_task_group() as group:
                group.start_soon(running.sink.publish, wanted)
                while not (running.door.run / "eds" / "b.json").exists():
                    await running.http.get("/a")
                scope.cancel()

        await running.sink.publish(wanted)

        # Envoy's workers may be a moment behind the thread that says what was accepted.
        got: list[int] = []
        with fail_after(60):
            while got != [404, 200]:
                got = [(await running.http.get(path)).status_code for path in ("/a", "/b")]


@pytest.mark.slow
async def test_an_envoy_that_hangs_has_taken_nothing(tmp_path: Path) -> None:
    """It is not taken for one that does not run; the change is live once it answers again."""
    async with live(tmp_path) as running:
        wanted = running.resources({"path": "/b", "service": "b"})
        [envoy] = running.door.processes()
        envoy.suspend()
        with pytest.raises(GatewayError, match="it did not answer"):
            await running.sink.publish(wanted)
        envoy.resume()

        await running.sink.publish(wanted)

        assert (await running.http.get("/b")).status_code == 200


@pytest.mark.slow
async def test_a_new_key_set_takes_effect_without_a_drain(tmp_path: Path) -> None:
    """Tokens of the old key are refused at once, and no connection is closed for it."""
    async with live(tmp_path) as running:
        token = running.door.bearer()
        routes = {"path": "/a", "service": "a", "auth_required": True}
        await running.sink.publish(running.resources(routes))
        before = (await running.http.get("/a", headers=token)).status_code
        rotated = running.resources(routes)
        other = json.dumps(Issuer.open(tmp_path / "other").jwks())
        [tokens] = [each for each in rotated.filters if each["name"] == JWT_FILTER]
        provider = tokens["typed_config"]["providers"]["suite"]
        provider["local_jwks"] = {"inline_string": other}

        await running.sink.publish(rotated)

        assert (before, (await running.http.get("/a", headers=token)).status_code) == (200, 401)
        stats = await Admin(running.door.run).stats(r"listener_manager\..*(modified|draining)")
        assert stats is not None
        assert set(stats.values()) == {"0"}
