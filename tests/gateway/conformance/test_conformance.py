"""What hostile clients try on the gateway, by the thousand: none of it comes in."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.gateway.conformance import run
from tests.gateway.conformance.floods import floods
from tests.gateway.conformance.lab import CLOSED, OPEN
from tests.gateway.conformance.paths import tries
from tests.gateway.conformance.rows import wrong

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def opened() -> Iterator[Path]:
    """The workers of servers are not root, and what pytest makes is open to its owner only."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


async def test_no_spelling_of_a_path_comes_to_what_is_closed(opened: Path) -> None:
    """By token, role or address, out of open, stripped and rewritten routes, before any service."""
    walked = await run.path_tries(opened / "lab")

    assert [(each.service, way) for each in walked for way in each.came_in] == []
    assert all(len(tries(closed.path, OPEN)) >= 800 for closed in CLOSED)
    assert all(sum(each.statuses.values()) >= each.tried for each in walked)


async def test_hostile_requests_get_nothing_through(opened: Path) -> None:
    """Header names, methods, hosts, tokens, and requests within requests."""
    async with run.one_service(opened / "one") as (made, service):
        rows = await run.hostile_tries(made, service, opened)

    assert wrong(rows) == []
    assert sum(row.tried for row in rows) > 2000


async def test_http2_is_spoken_no_worse_than_by_a_bare_envoy(tmp_path: Path) -> None:
    """Frames out of order, closed streams, flow control, broken headers."""
    async with run.one_service(tmp_path / "one") as (made, service):
        found = await run.http2_cases(made, service, tmp_path)

    assert [each.case.name for each in found if each.bare_passes and not each.passes] == []
    assert sum(each.passes for each in found) >= 0.92 * len(found)


async def test_floods_end_and_cost_little(tmp_path: Path) -> None:
    """Slow, endless and left requests; others are served meanwhile."""
    async with run.one_service(tmp_path / "one") as (made, _):
        found = await floods(made, "/open")

    assert [each.name for each in found if not each.holds] == []
    assert max(each.grown_bytes for each in found) < 64 * 1024 * 1024
