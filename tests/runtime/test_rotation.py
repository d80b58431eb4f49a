import errno
import gzip
import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread

from intertie.errors import DaemonError
from intertie.runtime.component import Status
from intertie.runtime.log_archive import archives
from intertie.runtime.logs import LogReader
from intertie.runtime.rotation import Rotator, at_start, move_aside
from intertie.suite.logging import Logging
from tests.runtime.rotating import digest, kept, kept_digest, lines, rotator, writer
from tests.waiting import eventually

KIB = 1024
MIB = 1024 * KIB
SMALL = 64 * KIB


def rule(**keys: object) -> Logging:
    """The smallest files there can be, unless it says otherwise."""
    return Logging.model_validate({"max_size": SMALL, "max_files": 1000, **keys})


def rotating(folder: Path, logging: Logging) -> Rotator:
    """Of the service `api`."""
    return Rotator(folder, lambda: {"api": logging})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The file of a replica, not there yet."""
    path = tmp_path / "api" / "0.out.log"
    path.parent.mkdir()
    return path


def append(path: Path, count: int, first: int = 0) -> bytes:
    """Add numbered lines of 64 bytes, as a service would."""
    data = b"".join(b"%010d %s\n" % (first + n, b"." * 52) for n in range(count))
    with path.open("ab") as file:
        file.write(data)
    return data


def blocks(path: Path) -> int:
    """How many bytes of the disk it takes."""
    return path.stat().st_blocks * 512


def test_the_older_part_of_a_large_log_goes_to_gzip_archives(tmp_path: Path, log: Path) -> None:
    """Any gzip program reads them; the file keeps its offsets and gives back its disk space."""
    written = append(log, 5000)
    size = log.stat().st_size

    rotating(tmp_path, rule()).look()

    found = archives(log)
    unpacked = [gzip.decompress(each.path.read_bytes()) for each in found]
    assert b"".join(unpacked) == written[: found[-1].end]
    assert all(len(each) <= SMALL and each.endswith(b"\n") for each in unpacked)
    assert all(each.path.suffix == ".gz" for each in found)
    assert log.stat().st_size == size
    assert blocks(log) <= SMALL + 2 * 4096
    assert kept(log) == written


def test_gzip_itself_finds_nothing_wrong(tmp_path: Path, log: Path) -> None:
    """Headers, lengths and checksums are as RFC 1952 has them."""
    append(log, 3000)
    rotating(tmp_path, rule()).look()

    tested = subprocess.run(["gzip", "-t", *[a.path for a in archives(log)]], check=False)

    assert tested.returncode == 0


def test_a_log_within_its_size_is_left_alone(tmp_path: Path, log: Path) -> None:
    """Nothing is written, nothing is moved."""
    append(log, 1024)

    rotating(tmp_path, rule()).look()

    assert log.stat().st_size == SMALL
    assert archives(log) == []


def test_archives_need_not_be_packed(tmp_path: Path, log: Path) -> None:
    """`compress: false` keeps them as text."""
    written = append(log, 5000)

    rotating(tmp_path, rule(compress=False)).look()

    assert archives(log)[0].path.read_bytes() == written[: archives(log)[0].end]
    assert kept(log) == written


@pytest.mark.parametrize("count", [1, 2, 5])
def test_no_more_files_are_kept_than_declared(tmp_path: Path, log: Path, count: int) -> None:
    """The file that is written to counts; the oldest lines go first, the rest is whole."""
    looker = rotating(tmp_path, rule(max_files=count))
    written = b""
    for number in range(8):
        written += append(log, 1500, number * 1500)
        looker.look()

    kept_bytes = kept(log)

    assert sum(1 for each in archives(log) if each.end > each.start) == count - 1
    assert written.endswith(kept_bytes)
    assert kept_bytes[10:11] == b" ", "begins with a whole line"
    assert len(kept_bytes) <= count * SMALL


def test_old_archives_are_removed(tmp_path: Path, log: Path) -> None:
    """All of them even; where the log goes on is not forgotten."""
    written = append(log, 5000)
    looker = rotating(tmp_path, rule(max_age="1h"))
    looker.look()
    begin = archives(log)[-1].end
    for each in archives(log):
        os.utime(each.path, (time.time() - 3601,) * 2)

    looker.look()

    assert kept(log) == written[begin:]
    assert [each.end - each.start for each in archives(log)] == [0]


def test_archives_may_be_removed_by_hand(tmp_path: Path, log: Path) -> None:
    """What is left is read from its first byte, and rotation goes on from there."""
    written = append(log, 5000)
    looker = rotating(tmp_path, rule())
    looker.look()
    begin = archives(log)[-1].end
    for each in archives(log):
        each.path.unlink()

    rest = kept(log)
    written += append(log, 5000, 5000)
    looker.look()

    assert rest == written[begin : begin + len(rest)]
    assert kept(log) == written[begin:]


def test_a_line_longer_than_an_archive_is_not_lost(tmp_path: Path, log: Path) -> None:
    """It is cut, and reads as one."""
    log.write_bytes(b"x" * (3 * SMALL) + b"\nnext\n")

    rotating(tmp_path, rule()).look()

    assert kept(log) == b"x" * (3 * SMALL) + b"\nnext\n"
    assert len(archives(log)) == 3


def test_zeros_in_a_log_are_kept(tmp_path: Path, log: Path) -> None:
    """A hole is not mistaken for what a program wrote, nor the other way."""
    written = b"\0\0first\n" + b"a\0b\n" * 40_000 + b"\0\n"
    log.write_bytes(written)

    before = kept(log)
    rotating(tmp_path, rule()).look()

    assert before == written
    assert kept(log) == written


def test_a_rotator_killed_before_its_hole_leaves_no_line_twice(tmp_path: Path, log: Path) -> None:
    """The part is in both places; it is read once, and the next rotator finishes the work."""
    written = append(log, 5000)

    def die(file: int, start: int, size: int) -> None:
        if size > 1:
            raise SystemExit

    with pytest.raises(SystemExit):
        Rotator(tmp_path, lambda: {"api": rule()}, punch=die).look()
    (log.parent / f".{log.name}.70000.part").write_bytes(b"half an archive")
    assert len(archives(log)) == 1
    assert kept(log) == written

    rotating(tmp_path, rule()).recover()

    assert blocks(log) <= len(written) - SMALL + 2 * 4096
    assert kept(log) == written
    assert sorted(each.suffix for each in log.parent.iterdir()) == [".gz", ".log"]


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_writer_at_full_speed_loses_nothing_to_rotation(tmp_path: Path, log: Path) -> None:
    """What archives and file hold together is what was written, byte for byte."""
    with writer(log, 60 * MIB) as process:
        async with create_task_group() as group:
            made = Rotator(tmp_path, lambda: {"api": rule(max_size=MIB)}, look_s=0.01)
            await group.start(made.run)
            said = await to_thread.run_sync(digest, process)
            await eventually(lambda: blocks(log) <= 2 * MIB, within_s=30)
            group.cancel_scope.cancel()

    assert len(archives(log)) > 40
    assert kept_digest(log) == said
    assert made.health().status is Status.UP


@pytest.mark.slow
def test_rotators_killed_at_random_points_lose_nothing(tmp_path: Path, log: Path) -> None:
    """Dozens of them die under a writer at full speed; order and content are what was written."""
    killed = rotator(tmp_path, 256 * KIB, kills=60, parts=11)
    with killed as dying, writer(log, MIB) as process:
        assert dying.wait(60) == 0
        said = digest(process)
    parts = len(archives(log))
    looker = rotating(tmp_path, rule(max_size=8 * MIB, max_files=100_000))
    looker.recover()
    looker.look()

    assert parts > 10
    assert kept_digest(log) == said
    assert blocks(log) <= 9 * MIB
    assert not list(log.parent.glob(".*"))


@pytest.mark.slow
def test_a_writer_does_not_wait_for_a_rotator_that_hangs(tmp_path: Path, log: Path) -> None:
    """A stopped process rotates nothing and holds up nobody."""
    with rotator(tmp_path, SMALL) as hanging:
        hanging.send_signal(signal.SIGSTOP)
        with writer(log, 20 * MIB) as process:
            said = digest(process)
            assert process.wait(30) == 0

    assert hashlib.sha256(log.read_bytes()).hexdigest() == said


@pytest.mark.slow
@pytest.mark.anyio
async def test_followers_see_every_line_while_logs_are_rotated(tmp_path: Path, log: Path) -> None:
    """In order, once, with offsets that only grow, however far behind a follower is."""
    reader = LogReader(tmp_path, ended=lambda service, index: True)
    with rotator(tmp_path, 256 * KIB):
        async with reader.follow(["api"], until=lambda: log.stat().st_size >= 20 * MIB) as found:
            with writer(log, 20 * MIB) as process:
                assert process.stdin is not None
                process.stdin.close()
                seen = [(int(line.text[:12]), line.offset) async for line in found]

    assert [number for number, _ in seen] == list(range(seen[-1][0] + 1))
    assert [offset for _, offset in seen] == sorted({offset for _, offset in seen})
    assert len(archives(log)) > 10


@pytest.mark.anyio
async def test_an_offset_means_the_same_line_after_rotation(tmp_path: Path, log: Path) -> None:
    """Whoever has noted where to go on goes on there."""
    append(log, 5000)
    reader = LogReader(tmp_path, ended=lambda service, index: True)
    before = await reader.tail("api", lines=4000)

    rotating(tmp_path, rule()).look()

    assert await reader.tail("api", lines=4000) == before
    assert await reader.search(["api"], " ", limit=9000) != []


def unable(file: int, start: int, size: int) -> None:
    """What a file system without holes answers."""
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def test_where_no_holes_can_be_made_a_running_log_is_left_alone(
    tmp_path: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """That is said once; no line is copied in vain."""
    written = append(log, 5000)
    looker = Rotator(tmp_path, lambda: {"api": rule()}, punch=unable)

    looker.look()
    looker.look()

    assert log.read_bytes() == written
    assert archives(log) == []
    assert len(caplog.records) == 1


def test_such_a_log_is_moved_aside_before_the_service_starts(log: Path) -> None:
    """It becomes an archive; offsets go on, and so do archives made later."""
    written = append(log, 5000)
    move_aside(log, rule())
    blocks_after = blocks(log)
    written += append(log, 5000, 5000)
    move_aside(log, rule())

    written += append(log, 10, 10_000)

    assert blocks_after == 0
    assert len(archives(log)) == 2
    assert kept(log) == written
    assert lines(log)[-1].startswith("0000010009")


def test_dying_while_a_log_is_moved_aside_changes_nothing(log: Path) -> None:
    """A file of two names reads once, and is given back when it is moved the next time."""
    written = append(log, 5000)
    os.link(log, log.with_name(f"{log.name}.0-{len(written)}"))
    written += append(log, 10, 5000)

    before = kept(log)
    move_aside(log, rule())

    assert before == written
    assert kept(log) == written


def test_a_log_removed_by_hand_goes_on_behind_its_archives(tmp_path: Path, log: Path) -> None:
    """The next start of the service keeps offsets growing."""
    append(log, 5000)
    rotating(tmp_path, rule()).look()
    end = archives(log)[-1].end
    log.unlink()

    at_start(log, rule())
    append(log, 1, 7777)

    assert log.stat().st_size == end + 64
    assert lines(log)[-1].startswith("0000007777")


def test_before_the_first_start_there_is_nothing_to_do(log: Path) -> None:
    """No file is made; a small one and one that can be rotated later stay as they are."""
    at_start(log, rule())
    assert not log.exists()

    written = append(log, 5000)
    at_start(log, rule())

    assert log.read_bytes() == written
    assert archives(log) == []


def test_archives_of_a_log_that_was_cut_are_given_up(tmp_path: Path, log: Path) -> None:
    """Their offsets would mean other lines; the log begins anew."""
    append(log, 5000)
    looker = rotating(tmp_path, rule())
    looker.look()
    os.truncate(log, 0)
    written = append(log, 10)

    assert kept(log) == written
    looker.look()

    assert archives(log) == []
    assert kept(log) == written


def test_a_log_that_cannot_be_rotated_is_told(tmp_path: Path, log: Path) -> None:
    """Health is DEGRADED with the reason; the log itself is whole."""
    written = append(log, 5000)

    def full(file: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    looker = Rotator(tmp_path, lambda: {"api": rule()}, punch=full)
    looker.look()

    assert looker.health().status is Status.DEGRADED
    assert "No space left" in looker.health().reason
    assert kept(log) == written


def test_logs_of_services_that_are_gone_are_kept_small_too(tmp_path: Path, log: Path) -> None:
    """By the defaults."""
    log.write_bytes(b"x\n")
    os.truncate(log, 101 * MIB)

    Rotator(tmp_path, dict).look()

    assert len(archives(log)) == 1


def test_what_would_be_removed_at_once_is_not_packed_first(tmp_path: Path, log: Path) -> None:
    """A writer that is faster than gzip is caught up with."""
    written = append(log, 20 * 1024)

    rotating(tmp_path, rule(max_files=3)).look()

    assert written.endswith(kept(log))
    assert 2 * SMALL < len(kept(log)) <= 3 * SMALL


@pytest.mark.anyio
async def test_logs_are_rotated_when_it_is_asked_for(tmp_path: Path, log: Path) -> None:
    """All that is in none yet goes to one archive, but the last line; small logs stay."""
    other = tmp_path / "web" / "0.out.log"
    other.parent.mkdir()
    written, small = append(log, 900), append(other, 10)
    rotator = rotating(tmp_path, rule(max_size=MIB))
    async with create_task_group() as group:
        await group.start(rotator.run)
        first = await rotator.rotate(SMALL // 2)
        second = await rotator.rotate(SMALL // 2)
        written += append(log, 900, 900)
        third = await rotator.rotate(SMALL // 2)
        group.cancel_scope.cancel()

    assert [first[0], second[0], third[0]] == [1, 0, 1]
    assert first[1] > 0
    assert len(archives(log)) == 2
    assert kept(log) == written
    assert (archives(other), kept(other)) == ([], small)


@pytest.mark.anyio
async def test_nobody_rotates_while_it_does_not_run(tmp_path: Path) -> None:
    """It says so."""
    with pytest.raises(DaemonError, match="nobody keeps them now"):
        await rotating(tmp_path, rule()).rotate(0)
