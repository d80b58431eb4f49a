"""The management socket."""

import stat
from pathlib import Path

import httpx
import pytest

from tests.gateway.cache.stage import Asked, Told, is_hit, stage

pytestmark = pytest.mark.anyio


def tagged(asked: Asked) -> Told:
    """Its tag is its first letter."""
    headers = {"cache-control": "public, max-age=60", "cache-tag": asked.path[1:2]}
    return Told(headers=headers)


async def test_purging_by_all_its_ways(tmp_path: Path) -> None:
    """Each tells how many it forgot, and forgets these only."""
    async with stage(tmp_path, tagged) as made:
        for path in ("/a1", "/a2", "/b1", "/b2", "/c1", "/d?x=1"):
            await made.get(path)
        admin = made.admin
        counts = [
            await admin.purge_url("/a1"),
            await admin.purge_url("http://other/a2"),
            await admin.purge_url("http://host/d?x=1"),
            await admin.purge_prefix("/b"),
            await admin.purge_tag("c"),
            await admin.purge_tag("c"),
        ]
        left = await made.get("/a2")
        counts.append(await admin.purge_all(tenant="nobody"))
        counts.append(await admin.purge_all())

    assert counts == [1, 0, 1, 2, 1, 0, 0, 1]
    assert is_hit(left)


def short_lived(asked: Asked) -> Told:
    """Stale from the beginning; some may stand in for a newer one for a minute."""
    stands_in = ", stale-if-error=60" if asked.path == "/useful" else ""
    return Told(headers={"cache-control": f"public, max-age=0{stands_in}", "etag": '"1"'})


async def test_what_is_too_stale_to_be_of_use_is_forgotten(tmp_path: Path) -> None:
    """What may still stand in for a newer one is kept."""
    async with stage(tmp_path, short_lived) as made:
        for path in ("/useful", "/useless"):
            await made.get(path)
        counts = [await made.admin.purge_expired() for _ in "ab"]
        left = (await made.admin.stats())["answers"]

    assert (counts, left) == ([1, 0], 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/purge", b"{}", 400),
        ("POST", "/purge", b'{"url": "/a", "tag": "b"}', 400),
        ("POST", "/purge", b'{"url": 3}', 400),
        ("POST", "/purge", b'{"expired": true, "tag": "b"}', 400),
        ("POST", "/purge", b"{", 400),
        ("POST", "/purge", b"x" * 100_000, 413),
        ("POST", "/why", b"{}", 400),
        ("GET", "/purge", b"", 404),
        ("GET", "/other", b"", 404),
    ],
)
async def test_what_makes_no_sense_changes_nothing(
    tmp_path: Path, method: str, path: str, body: bytes, code: int
) -> None:
    """It is told what does."""
    async with stage(tmp_path, tagged) as made:
        await made.get("/a")
        transport = httpx.AsyncHTTPTransport(uds=str(tmp_path / "a.sock"))
        async with httpx.AsyncClient(transport=transport) as client:
            answer = await client.request(method, f"http://x{path}", content=body)

        assert answer.status_code == code
        assert "cannot do this" in answer.json()["detail"]
        assert len(made.engine.store) == 1


async def test_only_its_owner_may_manage_it(tmp_path: Path) -> None:
    """Both sockets are closed to everybody else."""
    async with stage(tmp_path, tagged):
        modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.sock", "c.sock")]

    assert modes == [0o600, 0o600]
