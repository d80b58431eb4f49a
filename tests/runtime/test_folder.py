"""The state folder."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from intertie.errors import DaemonError
from intertie.runtime.folder import Daemon, StateFolder


def test_what_is_private_is_private(tmp_path: Path) -> None:
    """Keys, secrets and the management key's folder are this user's alone."""
    folder = StateFolder(tmp_path / ".intertie")

    folder.create()
    folder.create()

    for private in (folder.root, folder.run, folder.keys, folder.secrets):
        assert private.stat().st_mode & 0o777 == 0o700


def test_the_instance_is_made_once(tmp_path: Path) -> None:
    """It marks the processes of a suite over any number of daemons."""
    assert StateFolder(tmp_path).instance() == StateFolder(tmp_path).instance()
    assert len(StateFolder(tmp_path).instance()) == 16


def test_whoever_asks_at_the_same_time_gets_the_same_instance(tmp_path: Path) -> None:
    """And none of them half of it."""
    places = [tmp_path / str(number) for number in range(200)]
    for place in places:
        place.mkdir()

    with ThreadPoolExecutor(8) as pool:
        asked = [place for place in places for _ in range(8)]
        told = list(pool.map(lambda place: StateFolder(place).instance(), asked))

    for number, place in enumerate(places):
        assert set(told[number * 8 : number * 8 + 8]) == {(place / "instance").read_text()}
        assert [each.name for each in place.iterdir()] == ["instance"]


def test_a_daemon_announces_and_retires(tmp_path: Path) -> None:
    """What is announced is what is read; afterwards there is nothing, the key included."""
    folder = StateFolder(tmp_path)
    folder.create()
    daemon = Daemon(1, 2, "http://api", None, "suite.yaml", "3")

    folder.announce(daemon)
    folder.api_key.write_text("secret")
    assert folder.daemon() == daemon
    folder.retire()

    assert folder.daemon() is None
    assert not folder.api_key.exists()


def test_a_damaged_announcement_is_told_with_what_to_do(tmp_path: Path) -> None:
    """The file is named."""
    folder = StateFolder(tmp_path)
    folder.create()
    folder.daemon_file.write_text("{")

    with pytest.raises(DaemonError, match=r"cannot read .*daemon\.json.*intertie down"):
        folder.daemon()
