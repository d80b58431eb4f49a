import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio import to_thread

from intertie.forward.sender import BusyError
from intertie.forward.syslog import encode, sender
from tests.forward.peers import Rsyslog, held_port
from tests.forward.stage import Stage, records
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
def rsyslog(tmp_path: Path) -> Iterator[Rsyslog]:
    """Not running yet."""
    folder = tmp_path / "rsyslog"
    folder.mkdir()
    with held_port() as port:
        yield Rsyslog(folder, tcp=port)


def url(server: Rsyslog, transport: str) -> str:
    """Of the server by that transport."""
    return {
        "udp": f"udp://127.0.0.1:{server.udp}",
        "tcp": f"tcp://127.0.0.1:{server.tcp}",
        "unix": f"unix://{server.socket}",
    }[transport]


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["udp", "tcp", "unix"])
async def test_rsyslog_understands_every_field(rsyslog: Rsyslog, transport: str) -> None:
    """Priority, time, host, service, replica, stream and labels arrive in their places."""
    sent = [*records("plain ä", '{"level":"critical","msg":"x"}'), *records("bad", stream="err")]
    with rsyslog.running():
        await eventually(rsyslog.is_ready)
        async with sender(url(rsyslog, transport), labels={"site": 'a"]\\b'}) as made:
            await made.send(sent)
        await eventually(lambda: len(rsyslog.received()) == 3)

    found = [line.split("|", 1) for line in rsyslog.received()]
    assert [message for _, message in found] == ["plain ä", '{"level":"critical","msg":"x"}', "bad"]
    at, host = "2026-05-01T12:30:15.123456+00:00", socket.gethostname()
    assert re.sub("Z ", "+00:00 ", found[0][0]) == (
        f'30 1 {at} {host} api 0 out [intertie@32473 site="a\\"\\]\\\\b" replica="0" stream="out"]'
    )
    assert [head.split(" ")[0] for head, _ in found] == ["30", "26", "27"]


@pytest.mark.slow
async def test_a_long_line_arrives_whole(rsyslog: Rsyslog) -> None:
    """In pieces, none of which a server with its usual limits cuts, nor a character either."""
    text = "".join(f"{number}é" for number in range(10_000))
    with rsyslog.running():
        await eventually(rsyslog.is_ready)
        async with sender(url(rsyslog, "tcp"), labels={}) as made:
            await made.send(records(text, "end"))
        await eventually(lambda: rsyslog.received()[-1:] != [] and "|end" in rsyslog.received()[-1])

    assert "".join(line.split("|", 1)[1] for line in rsyslog.received()[:-1]) == text


@pytest.mark.slow
async def test_lines_wait_for_a_server_that_is_away(rsyslog: Rsyslog, tmp_path: Path) -> None:
    """What was sent into a connection that broke is sent again."""
    stage = Stage(tmp_path)
    async with stage.forwarding(kind="syslog", url=url(rsyslog, "tcp")) as forwarder:
        with rsyslog.running():
            stage.write("one\n")
            await eventually(lambda: len(rsyslog.received()) == 1)
        stage.write("two\n")
        await eventually(lambda: forwarder.health().reason != "")
        with rsyslog.running():
            stage.write("three\n")
            await eventually(lambda: "|three" in "".join(rsyslog.received()), within_s=60)

    seen = [line.split("|", 1)[1] for line in rsyslog.received()]
    assert list(dict.fromkeys(seen)) == ["one", "two", "three"]


@pytest.mark.parametrize("transport", ["tcp", "unix"])
async def test_a_server_that_is_not_there_is_told(tmp_path: Path, transport: str) -> None:
    """As something that may pass."""
    with held_port() as port:
        where = {"tcp": f"tcp://127.0.0.1:{port}", "unix": f"unix://{tmp_path}/none"}[transport]

        async with sender(where, labels={}) as made:
            with pytest.raises(BusyError, match=f"cannot reach {where}"):
                await made.send(records("lost?"))


async def test_a_stream_socket_is_spoken_to_as_well(tmp_path: Path) -> None:
    """Each message with its length before it (RFC 6587, 3.4.1)."""
    path = str(tmp_path / "stream.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        async with sender(f"unix://{path}", labels={}) as made:
            await made.send(records("one", "two"))
            peer, _ = await to_thread.run_sync(server.accept)
            with peer:
                data = peer.recv(65_536)

    messages = []
    while data:
        size, _, rest = data.partition(b" ")
        messages.append(rest[: int(size)])
        data = rest[int(size) :]
    assert [message.rpartition(b"] ")[2] for message in messages] == [b"one", b"two"]


def test_names_are_made_fit_for_the_header() -> None:
    """Blanks would end a field."""
    message = encode(records("x")[0], {}, "my host\n")[0]

    assert b" my_host_ api 0 out " in message
