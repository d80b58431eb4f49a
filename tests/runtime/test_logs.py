import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after, to_thread

from intertie.runtime.logs import LONGEST_LINE, Filter, LogLine, LogReader, Source, log_path
from tests.runtime.stage import shell, staged
from tests.w3c import TRACE
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


class Logs:
    """A folder of logs that a test writes as a service would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.has_ended = False
        self.reader = LogReader(folder, ended=lambda service, index: self.has_ended)

    def path(self, stream: str = "out", index: int = 0, service: str = "api") -> Path:
        """Of one file."""
        return self.folder / service / f"{index}.{stream}.log"

    def write(self, text: str | bytes, stream: str = "out", index: int = 0) -> None:
        """Append, as O_APPEND does."""
        path = self.path(stream, index)
        path.parent.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(text.encode() if isinstance(text, str) else text)

    async def tail(self, lines: int = 100) -> list[str]:
        """The texts of the last lines."""
        return [line.text for line in await self.reader.tail("api", lines=lines)]


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    """Empty."""
    return Logs(tmp_path)


async def take(lines: AsyncIterator[LogLine], count: int) -> list[str]:
    """The texts of the next lines."""
    with fail_after(60):
        return [(await anext(lines)).text for _ in range(count)]


async def test_a_line_knows_where_it_comes_from(logs: Logs) -> None:
    """Service, replica, stream and place in the file."""
    logs.write("ä\nb\n", "err", 2)

    assert await logs.reader.tail("api") == [
        LogLine("api", 2, "err", "ä", 0),
        LogLine("api", 2, "err", "b", 3),
    ]
    assert log_path(logs.folder, Source("api", 2, "err")) == logs.path("err", 2)


@pytest.mark.parametrize("text", ["a\nb\nc\n", "a\nb\nc"])
async def test_tail_gives_the_last_lines(logs: Logs, text: str) -> None:
    """With or without a line break at the end of the file."""
    logs.write(text)

    found = {count: await logs.tail(count) for count in range(5)}

    assert found == {
        0: [],
        1: ["c"],
        2: ["b", "c"],
        3: ["a", "b", "c"],
        4: ["a", "b", "c"],
    }


async def test_tail_of_a_large_file_looks_at_its_end_only(logs: Logs) -> None:
    """Lines are found across the blocks the file is read in."""
    logs.write("".join(f"line {number} {'x' * 90}\n" for number in range(20_000)))

    found = await logs.reader.tail("api", lines=5_000)

    assert [line.text.split()[1] for line in found] == [str(n) for n in range(15_000, 20_000)]


async def test_tail_of_a_service_that_never_ran_is_empty(logs: Logs) -> None:
    """It is no error."""
    assert await logs.tail() == []


async def test_tail_can_leave_out_what_is_older(logs: Logs) -> None:
    """Lines before the sizes noted earlier are not shown."""
    logs.write("old\n")
    sizes = logs.reader.sizes("api", 0)
    logs.write("new\n")
    logs.write("too\n", "err")

    found = await logs.reader.tail("api", since=sizes)

    assert [line.text for line in found] == ["new", "too"]


async def test_lines_are_followed_as_they_are_written(logs: Logs) -> None:
    """From now on; a line is given once it is complete."""
    logs.write("old\n")
    async with logs.reader.follow(["api"]) as lines:
        logs.write("one\ntw")
        assert await take(lines, 1) == ["one"]
        logs.write("o\nthree\n")
        assert await take(lines, 2) == ["two", "three"]


async def test_following_may_begin_with_the_last_lines(logs: Logs) -> None:
    """No line is lost or doubled between the two."""
    logs.write("a\nb\nc")
    async with logs.reader.follow(["api"], lines=2) as lines:
        logs.write("!\nd\n")

        assert await take(lines, 3) == ["b", "c!", "d"]


async def test_the_unfinished_line_of_an_ended_process_is_given(logs: Logs) -> None:
    """The last words are never lost for want of a line break."""
    logs.write("")
    async with logs.reader.follow(["api"]) as lines:
        logs.write("one\nfatal: no")
        assert await take(lines, 1) == ["one"]

        logs.has_ended = True

        assert await take(lines, 1) == ["fatal: no"]


async def test_replicas_that_start_later_are_followed_from_their_beginning(logs: Logs) -> None:
    """A new file is read from its first line."""
    async with logs.reader.follow(["api"]) as lines:
        logs.write("first\n", "err", 7)

        assert await take(lines, 1) == ["first"]


async def test_one_replica_can_be_followed(logs: Logs) -> None:
    """The others are left out."""
    async with logs.reader.follow(["api"], 1) as lines:
        logs.write("zero\n", index=0)
        logs.write("one\n", index=1)

        assert await take(lines, 1) == ["one"]


async def test_a_truncated_file_is_read_from_its_beginning(logs: Logs) -> None:
    """Rotation by copying and cutting loses nothing that was read before."""
    logs.write("a long first line\n")
    async with logs.reader.follow(["api"], lines=1) as lines:
        assert await take(lines, 1) == ["a long first line"]

        os.truncate(logs.path(), 0)
        logs.write("new\n")

        assert await take(lines, 1) == ["new"]


async def test_a_replaced_file_is_finished_before_the_new_one(logs: Logs) -> None:
    """Rotation by renaming: the rest of the old file comes first."""
    logs.write("a\n")
    async with logs.reader.follow(["api"], lines=1) as lines:
        assert await take(lines, 1) == ["a"]

        logs.write("rest\nunfinished")
        logs.path().rename(logs.path().with_suffix(".1"))
        logs.write("new\n")

        assert await take(lines, 3) == ["rest", "unfinished", "new"]


@pytest.mark.parametrize("size", [LONGEST_LINE - 1, LONGEST_LINE, 3 * LONGEST_LINE + 5, 1_000_000])
async def test_a_very_long_line_comes_in_pieces(logs: Logs, size: int) -> None:
    """No line takes unbounded memory, and no byte is lost."""
    logs.write("x" * size + "\nnext\n")

    found = await logs.reader.tail("api")

    assert [line.text for line in found][-1] == "next"
    assert "".join(line.text for line in found[:-1]) == "x" * size
    assert max(len(line.text) for line in found) <= LONGEST_LINE
    assert found[-1].offset == size + 1


async def test_bytes_that_are_no_text_are_shown_as_such(logs: Logs) -> None:
    """A program may write anything."""
    logs.write(b"\xff\xfe ok\n\n")

    assert await logs.tail() == ["�� ok", ""]


async def test_no_line_of_a_busy_service_is_lost(tmp_path: Path) -> None:
    """What a real process writes while it is followed arrives whole and in order."""
    count = 20_000
    script = f"i=0; while [ $i -lt {count} ]; do echo $i; i=$((i+1)); done; printf last"
    async with (
        staged(tmp_path) as stage,
        stage.logs.follow(["api"]) as lines,
        create_task_group() as group,
    ):
        group.start_soon(lambda: stage.run(api=shell(script)))
        found = await take(lines, count + 1)

    assert found == [*map(str, range(count)), "last"]


async def test_files_that_are_no_logs_are_passed_over(logs: Logs) -> None:
    """Whatever else lies in the folder is not read."""
    logs.write("good\n")
    for name in ("x.out.log", "0.log", "0.other.log", "0.out.log.1"):
        await to_thread.run_sync((logs.folder / "api" / name).write_text, "bad\n")

    await eventually(lambda: len(list((logs.folder / "api").iterdir())) == 5)
    assert await logs.tail() == ["good"]


async def test_lines_can_be_followed_through_a_filter(logs: Logs) -> None:
    """Only those that pass are given, old and new."""
    logs.write("level=info msg=a\nlevel=error msg=b\n")
    async with logs.reader.follow(["api"], lines=5, only=Filter(level="error")) as lines:
        logs.write("level=error msg=c\n", "err")
        logs.write("level=info msg=d\nlevel=critical msg=e\n")

        found = await take(lines, 3)

    assert sorted(found) == ["level=critical msg=e", "level=error msg=b", "level=error msg=c"]


async def test_the_last_lines_that_pass_are_found(logs: Logs) -> None:
    """Not those that pass among the last."""
    logs.write("wanted 1\nwanted 2\n" + "other\n" * 1000)
    logs.write("wanted 3\n", "err")

    found = await logs.reader.tail("api", lines=1, only=Filter(grep="want"))
    errors = await logs.reader.tail("api", only=Filter(stream="err"))

    assert [line.text for line in found] == ["wanted 2", "wanted 3"]
    assert [line.text for line in errors] == ["wanted 3"]


async def test_all_logs_of_services_can_be_searched(logs: Logs) -> None:
    """Streams and services apart, or together."""
    logs.write("a needle\nhay\n")
    logs.write("needle too\n", "err", 3)

    found = await logs.reader.search(["api", "none"], "needle")
    errors = await logs.reader.search(["api"], "ne+d", regex=True, stream="err")

    assert [line.text for line in found] == ["a needle", "needle too"]
    assert [(line.replica, line.stream) for line in errors] == [(3, "err")]


async def test_reading_can_be_resumed_from_noted_offsets(logs: Logs) -> None:
    """Nothing twice, nothing lost; logs that were not noted come from their beginning."""
    logs.write("one\ntwo\n")
    logs.write("err\n", "err")
    since = {Source("api", 0, "out"): 4}
    async with logs.reader.resume(lambda: ["api"], since) as follower:
        first = [line.text for line in await follower.read()]
        logs.write("three\n")
        second = [line.text for line in await follower.read()]
        offsets = follower.offsets()

    assert (first, second) == (["two", "err"], ["three"])
    assert offsets == {Source("api", 0, "out"): 14, Source("api", 0, "err"): 4}


async def test_services_may_leave_and_come_back_while_they_are_read(logs: Logs) -> None:
    """They go on where they were left."""
    names = ["api"]
    logs.write("one\n")
    async with logs.reader.resume(lambda: names, {}) as follower:
        first = await follower.read()
        names.clear()
        logs.write("two\n")
        nothing = await follower.read()
        names.append("api")
        second = await follower.read()

    assert [line.text for line in [*first, *nothing, *second]] == ["one", "two"]


async def test_lines_of_a_trace_are_found_everywhere(logs: Logs) -> None:
    """In all services and the daemon's own log, by their times."""
    logs.write(f'{{"time":"2026-01-01T00:00:01Z","msg":"second","trace_id":"{TRACE}"}}\n')
    logs.write('{"time":"2026-01-01T00:00:02Z","msg":"another","trace_id":"other"}\n')
    logs.write(f"no time, after the third {TRACE}\n", "err")
    logs.write(f'{{"time":"2026-01-01T00:00:03Z","msg":"fourth","trace_id":"{TRACE}"}}\n', "err")
    (logs.folder / "daemon.log").write_text(
        f'{{"time":"2026-01-01T00:00:00Z","message":"first","trace_id":"{TRACE}"}}\n'
        f'{{"time":"2026-01-01T00:00:04Z","message":"last","trace_id":"{TRACE}"}}\n'
    )

    found = await logs.reader.of_trace(["api"], TRACE)

    assert [line.service for line in found] == ["api", "intertie", "api", "api", "intertie"]
    assert "no time" in found[0].text
    assert [len(await logs.reader.of_trace(["api"], id, limit=2)) for id in (TRACE, "f" * 32)] == [
        2,
        0,
    ]
