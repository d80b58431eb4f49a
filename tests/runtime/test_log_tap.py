import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intertie.runtime.log_parts import punch_hole
from intertie.runtime.log_tap import LOOKED_BACK, LogLine, Source, Tap

SOURCE = Source("api", 1, "err")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Not there yet."""
    return tmp_path / "1.err.log"


def texts(tap: Tap) -> list[str]:
    """All that is left, and the tap is closed."""
    try:
        return [line.text for line in tap.read_all()]
    finally:
        tap.close()


def test_a_structured_line_can_be_asked_what_it_says() -> None:
    """Only when asked; a plain line is its own message."""
    line = LogLine("api", 1, "err", '{"level":"WARN","msg":"hot","ts":1777638615}', 0)
    plain = LogLine("api", 1, "err", "hot", 0)

    assert (line.level, line.message) == ("warning", "hot")
    assert line.time == datetime(2026, 5, 1, 12, 30, 15, tzinfo=UTC)
    assert (plain.level, plain.message, plain.time) == (None, "hot", None)
    assert plain.source == SOURCE


def test_reading_goes_on_from_any_line(log: Path) -> None:
    """And from the beginning when the log has become shorter."""
    log.write_text("one\ntwo\nthree")

    tap = Tap(SOURCE, log)
    tap.seek(4)
    assert texts(tap) == ["two", "three"]

    tap = Tap(SOURCE, log)
    tap.seek(400)
    assert texts(tap) == ["one", "two", "three"]


def test_offsets_tell_where_the_next_line_begins(log: Path) -> None:
    """Also while it is unfinished."""
    log.write_text("one\ntw")
    tap = Tap(SOURCE, log)

    assert [line.text for line in tap.read()] == ["one"]
    assert tap.offset == 4
    assert [line.offset for line in tap.read(final=True)] == [4]
    assert tap.offset == 6
    tap.close()


@pytest.mark.slow
def test_looking_back_begins_with_a_whole_line(log: Path) -> None:
    """However long the log is."""
    log.write_bytes(b"".join(b"%09d\n" % number for number in range(1_000_000)))
    tap = Tap(SOURCE, log)

    tap.seek_back()
    found = texts(tap)

    assert found[-1] == "000999999"
    assert len(found) == LOOKED_BACK // 10
    assert int(found[0]) == 1_000_000 - len(found)


def test_what_was_removed_before_it_was_read_is_counted(log: Path) -> None:
    """The unfinished line before it is given, the rest follows."""
    log.write_text("first\nunfinished")
    tap = Tap(SOURCE, log)
    first = tap.read()
    with log.open("ab") as file:
        file.write(b"x" * 99_983 + b"\n" + b"next\n")
    handle = os.open(log, os.O_RDWR)
    punch_hole(handle, 0, 100_000)
    os.close(handle)

    found = tap.read()

    assert [line.text for line in [*first, *found]] == ["first", "unfinished", "next"]
    assert tap.lost_bytes == 100_000 - 16
    tap.close()


def test_lines_without_the_needle_need_not_be_made(log: Path) -> None:
    """Whole blocks are passed over; offsets count all the same."""
    log.write_bytes(b"miss\n" * 100_000 + b"hit\n" + b"miss\n" * 100_000)
    tap = Tap(SOURCE, log, needle=b"hit")

    found = tap.read_all()

    assert [line.offset for line in found if line.text == "hit"] == [500_000]
    assert len(found) < 100_000
    tap.close()
