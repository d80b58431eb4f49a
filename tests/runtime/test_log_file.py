import os
from io import FileIO
from pathlib import Path

import pytest

from intertie.runtime.log_file import LogFile
from intertie.runtime.log_parts import punch_hole, write_archive
from tests.runtime.rotating import kept

LINE = b"%07d......\n"
SIZE = 14


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten thousand lines, the first 6000 of which are in two archives."""
    path = tmp_path / "0.out.log"
    path.write_bytes(b"".join(LINE % number for number in range(10_000)))
    with FileIO(path, "rb+") as file:
        for start, end in ((0, 2000 * SIZE), (2000 * SIZE, 6000 * SIZE)):
            write_archive(path, file, start, end, packed=True, keep_on=lambda: None)
            punch_hole(file.fileno(), start, end - start)
    return path


def test_archives_and_file_are_one_run_of_bytes(log: Path) -> None:
    """From any offset on."""
    whole = b"".join(LINE % number for number in range(10_000))

    found = LogFile(log)
    found.offset = 1999 * SIZE

    assert found.first() == 0
    assert found.size == len(whole)
    assert found.read(SIZE) == LINE % 1999
    assert found.read(SIZE) == LINE % 2000
    found.close()
    assert kept(log) == whole


def test_what_is_removed_is_passed_over(log: Path) -> None:
    """Also in the middle; the offset tells how much."""
    next(log.parent.glob("*.log.0-*")).unlink()
    found = LogFile(log)

    assert found.first() == 2000 * SIZE
    assert found.read(SIZE) == LINE % 2000
    assert found.offset == 2001 * SIZE
    found.close()


def test_a_damaged_archive_is_passed_over(log: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is behind it can be read; the loss is told."""
    next(log.parent.glob("*.log.0-*")).write_bytes(b"damaged")
    found = LogFile(log)

    assert found.read(SIZE) == LINE % 2000
    assert len(caplog.records) == 1
    found.close()


def test_a_damaged_member_is_passed_over(log: Path) -> None:
    """Up to the end of its archive."""
    archive = next(log.parent.glob("*.log.0-*"))
    data = bytearray(archive.read_bytes())
    data[-100] ^= 0xFF
    archive.write_bytes(data)
    found = LogFile(log)

    data_read = found.read(SIZE)

    assert data_read == LINE % 2000
    found.close()


def test_without_archives_the_hole_is_passed_over(log: Path) -> None:
    """To the very byte where the file's own part begins."""
    for path in log.parent.glob("*.gz"):
        path.unlink()

    assert kept(log) == b"".join(LINE % number for number in range(6000, 10_000))


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Until it comes."""
    path = tmp_path / "0.out.log"
    found = LogFile(path)

    before = (found.read(10), found.size, found.first(), found.follow_replacement())
    path.write_bytes(b"here")

    assert before == (b"", 0, 0, False)
    assert found.follow_replacement()
    assert found.read(10) == b"here"
    found.close()


def test_a_replacement_of_the_same_length_goes_on(log: Path) -> None:
    """That is how a log is moved aside where no holes can be made; any other begins anew."""
    found = LogFile(log)
    size = found.offset = found.size
    os.link(log, log.with_name(f"0.out.log.{6000 * SIZE}-{size}"))
    new = log.with_name("new")
    new.touch()
    os.truncate(new, size)
    new.replace(log)
    with log.open("ab") as file:
        file.write(b"next\n")

    assert found.read(10) == b""
    assert found.follow_replacement()
    assert found.read(10) == b"next\n"

    other = log.with_name("other")
    other.write_bytes(b"other\n")
    other.replace(log)
    assert found.follow_replacement()
    assert found.read(10) == b"other\n"
    found.close()
