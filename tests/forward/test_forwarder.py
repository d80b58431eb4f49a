import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from intertie.forward import forwarders
from intertie.runtime.component import Status
from intertie.runtime.rotation import Rotator
from intertie.suite.logging import Logging, LogTarget
from tests.forward.peers import Loki, Receiver, Request, held_port
from tests.forward.stage import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def numbered(first: int, count: int) -> str:
    """Lines that tell their place."""
    return "".join(f"line {number}\n" for number in range(first, first + count))


async def test_a_stopped_forwarder_goes_on_where_it_was(tmp_path: Path) -> None:
    """Nothing is sent twice, nothing is left out; services that appear later are sent too."""
    stage, loki = Stage(tmp_path), Loki()
    with Receiver(loki).running() as receiver:
        stage.write(numbered(0, 3000))
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0)
        stage.write(numbered(3000, 500))
        stage.services.append("db")
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0)
            stage.write("hello\n", "db", "err")
            await eventually(lambda: "hello" in loki.lines())

    assert loki.lines() == [*(f"line {number}" for number in range(3500)), "hello"]


async def test_the_last_words_of_an_ended_process_are_sent(tmp_path: Path) -> None:
    """Also without a line break."""
    stage, loki = Stage(tmp_path, has_ended=True), Loki()
    stage.write("first\nlast words")
    with Receiver(loki).running() as receiver:
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0)

    assert loki.lines() == ["first", "last words"]


async def test_a_target_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """Health says why, the lag says how much waits; once it is back, all arrives in order."""
    stage, loki = Stage(tmp_path), Loki()
    stage.write(numbered(0, 200))
    with held_port() as port:
        receiver = Receiver(loki, port=port)
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.health().status is Status.DEGRADED)
            behind, reason = forwarder.lag_bytes(), forwarder.health().reason
            with receiver.running():
                await eventually(lambda: forwarder.lag_bytes() == 0, within_s=60)

    assert behind == len(numbered(0, 200))
    assert reason.startswith(
        f"logs are not forwarded to 'target': cannot reach {receiver.url}/loki"
    )
    assert forwarder.health().status is Status.UP
    assert loki.lines() == numbered(0, 200).splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("code", [429, 500, 503, 401, 404])
async def test_what_may_be_mended_is_tried_again(tmp_path: Path, code: int) -> None:
    """Nothing is thrown away, and a wait that is asked for is kept."""
    stage, loki, refusals = Stage(tmp_path), Loki(), [time.monotonic()]

    def answer(request: Request) -> tuple[int, dict[str, str], str]:
        if len(refusals) == 1:
            refusals.append(time.monotonic())
            return code, {"Retry-After": "1"}, "not now"
        refusals.append(time.monotonic())
        return loki(request)

    stage.write("kept\n")
    with Receiver(answer).running() as receiver:
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0)

    assert loki.lines() == ["kept"]
    assert refusals[2] - refusals[1] >= 1


async def test_a_line_that_is_refused_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """It is found, counted and left out."""
    stage, loki = Stage(tmp_path), Loki()

    def answer(request: Request) -> tuple[int, dict[str, str], str]:
        return (400, {}, "bad line") if b"poison" in request.body else loki(request)

    texts = [f"line {number}" for number in range(150)]
    texts[70] = "poison"
    stage.write("".join(f"{text}\n" for text in texts))
    with Receiver(answer).running() as receiver:
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0)

    assert loki.lines() == [text for text in texts if text != "poison"]
    assert (forwarder.sent_lines, forwarder.lost_lines) == (149, 1)


async def test_rotation_takes_nothing_from_a_target_that_is_behind(tmp_path: Path) -> None:
    """Archives are read as well; only what they do not keep is lost, and it is counted."""
    stage, loki = Stage(tmp_path), Loki()
    stage.write(numbered(0, 20_000))
    rule = Logging(max_size=64 * 1024, max_files=100)
    Rotator(tmp_path / "logs", lambda: {"api": rule}).look()
    with Receiver(loki).running() as receiver:
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0, within_s=60)

    assert loki.lines() == numbered(0, 20_000).splitlines()
    assert forwarder.lost_bytes() == 0


async def test_each_target_has_its_services(tmp_path: Path) -> None:
    """And its own cursors."""
    stage, loki, services = Stage(tmp_path), Loki(), {"one": ["api"], "two": ["api", "db"]}
    stage.write("a\n")
    stage.write("b\n", "db")
    with Receiver(loki).running() as receiver:
        target = LogTarget(kind="loki", url=receiver.url)
        made = forwarders(
            {"one": target, "two": target},
            reader=stage.reader,
            services=lambda name: services[name],
            resolve=str,
            folder=tmp_path / "state",
        )
        async with anyio.create_task_group() as group:
            for each in made:
                await group.start(each.run)
            await eventually(lambda: all(each.lag_bytes() == 0 for each in made))
            group.cancel_scope.cancel()

    assert [each.name for each in made] == ["one", "two"]
    assert [each.sent_lines for each in made] == [1, 2]
    assert sorted(path.name for path in (tmp_path / "state").iterdir()) == ["one.json", "two.json"]


_FORWARD = """
import sys
from pathlib import Path
import anyio
from tests.forward.stage import Stage

async def main():
    async with Stage(Path(sys.argv[1])).forwarding(kind="loki", url=sys.argv[2]):
        await anyio.sleep_forever()

anyio.run(main)
"""


@contextmanager
def killed_after(argv: list[str]) -> Iterator[None]:
    """A process that lives as long as the block."""
    with subprocess.Popen(argv) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.mark.slow
async def test_killed_forwarders_lose_nothing(tmp_path: Path) -> None:
    """Each line arrives at least once, in order, whenever they die."""
    each = 7000  # more than a forwarder is let send before it is killed, at 1000 a request

    def arrived(receiver: Receiver, count: int) -> bool:
        return len(receiver.requests) > count

    stage, loki = Stage(tmp_path), Loki()
    argv = [sys.executable, "-c", _FORWARD, str(tmp_path)]
    with Receiver(loki).running() as receiver:
        for kill in range(6):
            before = len(receiver.requests)
            stage.write(numbered(kill * each, each))
            with killed_after([*argv, receiver.url]):
                await eventually(partial(arrived, receiver, before + kill), within_s=30)
        async with stage.forwarding(kind="loki", url=receiver.url) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0, within_s=30)

    assert list(dict.fromkeys(loki.lines())) == numbered(0, 6 * each).splitlines()
