import os
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from intertie.runtime.log_archive import archives
from intertie.runtime.log_parts import (
    begin,
    cut,
    extend,
    first_data,
    prune,
    punch_hole,
    try_hole,
    write_archive,
)
from intertie.suite.logging import Logging


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A hundred blocks of ten lines."""
    path = tmp_path / "0.out.log"
    path.write_bytes((b"x" * 399 + b"\n") * 1024)
    return path


def test_a_hole_reads_as_zeros_and_takes_no_space(log: Path) -> None:
    """The rest of the file and its length stay."""
    with FileIO(log, "rb+") as file:
        punch_hole(file.fileno(), 0, 200_000)

        assert first_data(file) == 200_000 // 4096 * 4096
    assert log.stat().st_size == 409_600
    assert log.stat().st_blocks * 512 <= 409_600 - 200_000 + 2 * 4096
    assert log.read_bytes()[:200_001] == b"\0" * 200_000 + b"x"
    assert begin(log) == 200_000


def test_holes_are_tried_in_a_file_of_our_own(tmp_path: Path) -> None:
    """It leaves nothing behind; a handle that cannot be punched raises."""
    try_hole(tmp_path, punch_hole)

    assert list(tmp_path.iterdir()) == []
    with TemporaryFile(dir=tmp_path) as file, pytest.raises(OSError, match="Bad file descriptor"):
        punch_hole(os.dup2(file.fileno(), 999) + 1000, 0, 1)
    os.close(999)


def test_a_part_ends_with_a_line(log: Path) -> None:
    """Unless that would make it less than half as long."""
    with FileIO(log) as file:
        assert cut(file, 0, 1000) == 800
        assert cut(file, 0, 800) == 800
        assert cut(file, 0, 390) == 390


def test_an_archive_that_is_not_finished_leaves_nothing(log: Path) -> None:
    """Also not the part of it that was written."""

    def stop() -> None:
        raise InterruptedError

    with FileIO(log) as file, pytest.raises(InterruptedError):
        write_archive(log, file, 0, 4000, packed=True, keep_on=stop)

    assert list(log.parent.iterdir()) == [log]


def test_archives_are_for_those_who_may_read_the_log(log: Path) -> None:
    """Nobody else."""
    with FileIO(log) as file:
        write_archive(log, file, 0, 4000, packed=True, keep_on=lambda: None)

    assert archives(log)[0].path.stat().st_mode & 0o007 == 0


def test_the_end_of_the_last_archive_outlives_it(log: Path) -> None:
    """An empty file keeps it, and is replaced by the next archive."""
    rule = Logging(max_files=1)
    with FileIO(log) as file:
        write_archive(log, file, 0, 4000, packed=True, keep_on=lambda: None)
        prune(log, rule)
        assert [(each.start, each.end) for each in archives(log)] == [(4000, 4000)]

        write_archive(log, file, 4000, 8000, packed=True, keep_on=lambda: None)
        prune(log, Logging())

    assert [(each.start, each.end) for each in archives(log)] == [(4000, 8000)]


def test_a_new_file_is_as_long_as_the_log_was(log: Path) -> None:
    """So that offsets go on."""
    with FileIO(log) as file:
        write_archive(log, file, 0, 4000, packed=True, keep_on=lambda: None)
    log.unlink()

    extend(log, 0)

    assert (log.stat().st_size, log.stat().st_blocks) == (4000, 0)
