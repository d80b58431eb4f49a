import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from anyio import create_task_group, lowlevel

from intertie.drivers.unix import ask, short_path

pytestmark = pytest.mark.anyio

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
BAD = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nbad"


@asynccontextmanager
async def serving(socket: Path, answer: bytes | None) -> AsyncIterator[list[bytes]]:
    """Whoever asks gets these bytes, or nothing; what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer or b"")
            await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(serve, socket):
        yield asked


async def test_a_question_is_asked_and_answered(tmp_path: Path) -> None:
    """Whatever the status; in a folder whose name is longer than a socket's may be."""
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    with short_path(folder) as short:
        async with serving(short / "a.sock", BAD) as asked:
            answer = await ask(folder / "a.sock", "/a", method="POST", query={"b": "1"}, body={})

    assert (answer.status, answer.is_good, answer.text) == (503, False, "bad")
    assert asked[0].startswith(b"POST /a?b=1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answer", "timeout_s", "fault"),
    [(None, 0.05, TimeoutError), (b"nonsense\r\n\r\n", 30.0, ConnectionError)],
)
async def test_who_does_not_answer_well_is_an_os_error(
    tmp_path: Path, answer: bytes | None, timeout_s: float, fault: type[OSError]
) -> None:
    """Silence, and what is not HTTP."""
    async with serving(tmp_path / "a.sock", answer):
        with pytest.raises(fault):
            await ask(tmp_path / "a.sock", "/", timeout_s=timeout_s)


async def test_where_nobody_listens_it_is_an_os_error(tmp_path: Path) -> None:
    """Also where there is no such folder."""
    with pytest.raises(ConnectionError):
        await ask(tmp_path / "a.sock", "/")
    with pytest.raises(FileNotFoundError):
        await ask(tmp_path / "none" / "a.sock", "/")


async def test_a_question_given_up_as_it_is_answered_troubles_nobody(tmp_path: Path) -> None:
    """After any turn of the event loop, whose last resort hears of nothing."""
    troubles: list[object] = []
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    try:
        async with serving(tmp_path / "a.sock", GOOD):
            for turns in range(100):
                async with create_task_group() as group:
                    group.start_soon(ask, tmp_path / "a.sock", "/")
                    for _ in range(turns):
                        await lowlevel.cancel_shielded_checkpoint()
                    group.cancel_scope.cancel()
    finally:
        loop.set_exception_handler(before)

    assert troubles == []
