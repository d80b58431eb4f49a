from pathlib import Path

import httpx
import pytest
from anyio import sleep_forever

from intertie.errors import StoreError
from intertie_media.health import (
    UP,
    Check,
    Dependency,
    examine,
    health_routes,
    peer_check,
    program_check,
    storage_checks,
    worst,
)
from intertie_media.storage import Storage
from intertie_media.web import application
from services.media.tests.kit import client, free_port, settings

pytestmark = pytest.mark.anyio


async def fine() -> Dependency:
    """All is well."""
    return UP


async def shaky() -> Dependency:
    """Not all is well."""
    return Dependency("DEGRADED", "slow")


async def broken() -> Dependency:
    """Nothing is well."""
    raise StoreError("cannot read: gone")


@pytest.mark.parametrize(
    ("checks", "status", "code"),
    [
        ({"a": fine}, "UP", 200),
        ({"a": fine, "b": shaky}, "DEGRADED", 200),
        ({"a": fine, "b": shaky, "c": broken}, "DOWN", 503),
    ],
)
async def test_the_worst_dependency_decides(
    checks: dict[str, Check], status: str, code: int
) -> None:
    """DOWN is also 503, so that whoever only looks at the code knows."""
    async with client(application(health_routes(checks))) as http:
        answer = await http.get("/health")

    assert (answer.json()["status"], answer.status_code) == (status, code)
    assert set(answer.json()) == {"status", "timestamp", "dependencies"}


async def test_each_dependency_tells_its_error() -> None:
    """A person can act on the answer."""
    async with client(application(health_routes({"db": broken}))) as http:
        answer = await http.get("/health")

    expected = {"status": "DOWN", "error": "cannot read: gone"}
    assert answer.json()["dependencies"] == {"db": expected}


async def test_live_answers_whatever_is_broken() -> None:
    """A process that answers is not restarted for its dependencies' sake."""
    async with client(application(health_routes({"db": broken}))) as http:
        answer = await http.get("/health/live")

    assert (answer.status_code, answer.json()["status"]) == (200, "UP")


async def test_a_check_that_hangs_is_down() -> None:
    """The answer comes in bounded time."""

    async def hang() -> Dependency:
        await sleep_forever()
        return UP

    found = await examine({"hanging": hang, "fine": fine}, within_s=0.01)

    assert (found["hanging"].status, found["fine"].status) == ("DOWN", "UP")


async def test_real_stores_are_really_tried(storage: Storage, tmp_path: Path) -> None:
    """Database, blobs and disk are UP, and trying leaves no blob behind."""
    found = await examine(storage_checks(storage, settings(tmp_path)))

    assert {name: each.status for name, each in found.items()} == {
        "database": "UP",
        "blobs": "UP",
        "disk": "UP",
    }
    assert await storage.blobs.keys("health") == []


async def test_blobs_that_cannot_be_written_are_down(storage: Storage, tmp_path: Path) -> None:
    """A folder that cannot be used is found out before an upload is."""
    place = settings(tmp_path)
    place.blobs.rmdir()
    place.blobs.write_text("in the way")

    found = await examine(storage_checks(storage, place))

    assert found["blobs"].status == "DOWN"


async def test_a_peer_that_is_away_only_degrades() -> None:
    """Uploads are taken while the pipeline is away."""
    async with httpx.AsyncClient(trust_env=False) as http:
        found = await peer_check(http, f"http://127.0.0.1:{free_port()}")()

    assert found.status == "DEGRADED"
    assert found.error
    assert "cannot reach" in found.error


async def test_a_program_has_to_be_executable(tmp_path: Path) -> None:
    """A file that cannot be run is no ffmpeg."""
    program = tmp_path / "ffmpeg"
    program.write_text("")
    down = await program_check(lambda: program)()
    program.chmod(0o700)

    assert (down.status, (await program_check(lambda: program)()).status) == ("DOWN", "UP")


def test_nothing_needed_is_up() -> None:
    """A service without dependencies is well."""
    assert worst({}) == "UP"
