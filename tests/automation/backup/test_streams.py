import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import IO

import pytest

from intertie.automation.backup.age import new_key, parse_key
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.streams import in_thread, read, write

pytestmark = pytest.mark.anyio
KEY = parse_key(new_key())


def chunks() -> Iterator[bytes]:
    """Some that compress and some that do not, of odd lengths."""
    for n in range(40):
        yield bytes(n * 1000)
        yield os.urandom(n * 977)


def test_comes_back(tmp_path: Path) -> None:
    """All of it, in order."""
    given = list(chunks())
    got: list[bytes] = []

    def use(stream: IO[bytes]) -> None:
        while chunk := stream.read(10_000):
            got.append(chunk)

    size, _ = write(tmp_path / "a", iter(given), KEY.to_public(), Event())
    read(tmp_path / "a", KEY, Event(), use)

    assert b"".join(got) == b"".join(given)
    assert (tmp_path / "a").stat().st_size == size


def test_why_a_source_broke_off_is_told(tmp_path: Path) -> None:
    """In its own words, and nothing is left."""

    def broken() -> Iterator[bytes]:
        yield b"a"
        raise BackupError("cannot go on")

    with pytest.raises(BackupError, match="cannot go on"):
        write(tmp_path / "a", broken(), KEY.to_public(), Event())

    assert not (tmp_path / "a").exists()


def test_who_stops_reading_stops_the_other_side(tmp_path: Path) -> None:
    """More than a pipe holds was still to come; what the reader said is told."""
    write(tmp_path / "a", iter([os.urandom(3_000_000)]), KEY.to_public(), Event())

    def use(stream: IO[bytes]) -> None:
        stream.read(10)
        raise BackupError("cannot use it")

    with pytest.raises(BackupError, match="cannot use it"):
        read(tmp_path / "a", KEY, Event(), use)


def test_told_to_stop_it_stops(tmp_path: Path) -> None:
    """Writing and reading."""
    stop = Event()
    write(tmp_path / "a", chunks(), KEY.to_public(), Event())
    stop.set()

    with pytest.raises(OSError, match="stopped"):
        write(tmp_path / "b", chunks(), KEY.to_public(), stop)
    with pytest.raises(BackupError):
        read(tmp_path / "a", KEY, stop, _drain)

    assert not (tmp_path / "b").exists()


async def test_what_fails_in_a_thread_is_told(tmp_path: Path) -> None:
    """In one way, whatever it was."""
    with pytest.raises(BackupError, match=r"cannot look: .*gone does not exist"):
        await in_thread("look", lambda _: (tmp_path / "gone").read_bytes())
    with pytest.raises(BackupError, match="cannot look: Is a directory"):
        await in_thread("look", lambda _: tmp_path.read_bytes())
    assert await in_thread("look", lambda _: 42) == 42


def _drain(stream: IO[bytes]) -> None:
    stream.read()
