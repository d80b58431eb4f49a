"""What becomes of answers: whole ones are kept, within their size; parts never."""

import asyncio
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group

from intertie.gateway.cache.keeper import same_origin, tags
from intertie.gateway.cache.message import Answer, Request
from intertie.gateway.cache.store import Address
from tests.gateway.cache.stage import Asked, Stage, Told, is_hit, listening, stage, status
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
PUBLIC = {"cache-control": "public, max-age=60"}


def _has_a_head(made: Stage) -> bool:
    """An answer has begun to come."""
    return any(each.is_known for each in made.engine.keeper.under_way)


@pytest.mark.parametrize("chunked", [True, False])
async def test_an_origin_that_dies_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, chunked: bool
) -> None:
    """The client sees that it is a part; the next one gets all of it."""

    def answers(asked: Asked) -> Told:
        cut = 500 if len(made.origin.asked) == 1 else None
        return Told(headers=PUBLIC, body=b"x" * 1000, chunked=chunked, cut_after=cut)

    async with stage(tmp_path, answers) as made:
        with pytest.raises(httpx.RemoteProtocolError):
            await made.get()
        assert len(made.engine.store) == 0
        whole = await made.get()

    assert whole.content == b"x" * 1000
    assert not is_hit(whole)


async def test_an_answer_that_ends_with_its_connection_is_not_kept(tmp_path: Path) -> None:
    """It may have been cut off."""
    async with stage(tmp_path, lambda _: Told()) as made:

        async def raw(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n\r\nall")

        async with listening(raw) as port:
            made.engine.keeper._origin._address = f"http://127.0.0.1:{port}"
            answer = await made.get()

        assert answer.content == b"all"
        assert len(made.engine.store) == 0


async def test_a_client_that_goes_away_does_not_take_the_answer_from_the_others(
    tmp_path: Path,
) -> None:
    """What is for the store is fetched to its end."""
    gate = asyncio.Event()
    async with stage(tmp_path, lambda _: Told(headers=PUBLIC, body=b"x" * 1000, gate=gate)) as made:
        async with made.asked():
            await eventually(lambda: _has_a_head(made))
        gate.set()
        await eventually(lambda: not made.engine.keeper.under_way)
        again = await made.get()

    assert is_hit(again)
    assert len(made.origin.asked) == 1


async def test_a_client_that_goes_away_ends_what_was_for_it_alone(tmp_path: Path) -> None:
    """The origin need not go on."""
    gate = asyncio.Event()
    async with stage(
        tmp_path, lambda _: Told(headers={"cache-control": "no-store"}, gate=gate)
    ) as made:
        async with made.asked():
            await eventually(lambda: _has_a_head(made))
        await eventually(lambda: not made.engine.keeper.under_way)
        gate.set()

        assert len(made.engine.store) == 0


@pytest.mark.parametrize("chunked", [True, False])
async def test_what_is_too_large_streams_by(tmp_path: Path, chunked: bool) -> None:
    """Without being held in memory, whether its size was told or not."""
    body = b"x" * 3_000_000
    async with stage(
        tmp_path, lambda _: Told(headers=PUBLIC, body=body, chunked=chunked), max_object=100_000
    ) as made:
        answer = await made.get()

        assert answer.content == body
        assert len(made.engine.store) == 0
        assert made.engine.store.reserved_bytes == 0


async def test_a_large_answer_is_kept_where_it_may_be(tmp_path: Path) -> None:
    """And given again in pieces."""
    body = bytes(range(256)) * 8000
    async with stage(tmp_path, lambda _: Told(headers=PUBLIC, body=body, chunked=True)) as made:
        first, second = await made.get(), await made.get()

    assert first.content == second.content == body
    assert is_hit(second)
    assert second.headers["content-length"] == str(len(body))


async def test_nobody_waits_for_what_was_not_kept_before(tmp_path: Path) -> None:
    """Requests for it run side by side."""
    gate = asyncio.Event()

    async def answers(asked: Asked) -> Told:
        if asked.path == "/slow" and len(made.origin.asked) > 1:
            await gate.wait()
        return Told(headers={"cache-control": "no-store"})

    async with stage(tmp_path, answers) as made:
        await made.get("/slow")
        async with create_task_group() as group:
            for _ in range(5):
                group.start_soon(made.get, "/slow")
            await eventually(lambda: len(made.origin.asked) == 6)
            gate.set()


async def test_a_request_whose_body_streams_arrives_whole(tmp_path: Path) -> None:
    """With a length or without."""
    body = b"y" * 2_000_000

    async def parts() -> object:
        for place in range(0, len(body), 50_000):
            yield body[place : place + 50_000]

    async with stage(tmp_path, lambda asked: Told(body=str(len(asked.body)).encode())) as made:
        sized = await made.client.post("/a", content=body)
        chunked = await made.client.post("/a", content=parts())  # type: ignore[arg-type]

    assert (sized.content, chunked.content) == (b"2000000", b"2000000")
    assert "fwd=method" in status(sized)


async def test_named_fields_are_not_kept(tmp_path: Path) -> None:
    """Those that `no-cache` and `private` name go to the first client only."""
    told = {"cache-control": 'max-age=60, private="x-a", no-cache="x-b"', "x-a": "1", "x-b": "2"}
    async with stage(tmp_path, lambda _: Told(headers=told)) as made:
        first, second = await made.get(), await made.get()

    assert (first.headers["x-a"], first.headers["x-b"]) == ("1", "2")
    assert is_hit(second)
    assert not {"x-a", "x-b"} & set(second.headers)


def test_tags_of_both_fields() -> None:
    """Commas in Cache-Tag, spaces in Surrogate-Key."""
    headers = [(b"Cache-Tag", b"a, b"), (b"Surrogate-Key", b"c a"), (b"cache-tag", b"d")]

    assert tags(Answer(200, headers)) == (b"a", b"b", b"c", b"d")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"/b", {b"/b", b"/web/b"}),
        (b"b?c=d", {b"/web/b?c=d", b"/b?c=d", b"/web/web/b?c=d"}),
        (b"http://host/b", {b"/b", b"/web/b"}),
        (b"http://other/b", set()),
    ],
)
def test_what_a_change_names_is_known_by_both_its_paths(value: bytes, found: set[bytes]) -> None:
    """That of the client, and that after the gateway rewrote it; on the same host only."""
    address = Address(b"", b"", b"host", b"/web/a")

    assert same_origin(Request(b"PUT", b"/a", []), address, value) == found
