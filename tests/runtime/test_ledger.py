from pathlib import Path

import pytest

from intertie.drivers import Identity
from intertie.errors import StoreError
from intertie.runtime.ledger import Entry, Ledger


def entry(service: str = "api", replica: int = 0, pid: int = 7) -> Entry:
    """One that can be told from others by its pid."""
    return Entry(service, replica, Identity(pid, 99), 8080, "abc", "SIGINT", 2.5)


def test_what_is_recorded_is_known_to_the_next_daemon(tmp_path: Path) -> None:
    """A second ledger on the same folder reads what the first wrote."""
    Ledger(tmp_path / "ledger").record(entry("web.site"))
    Ledger(tmp_path / "ledger").record(entry("api", 1))

    assert Ledger(tmp_path / "ledger").entries() == [entry("api", 1), entry("web.site")]


def test_a_new_process_replaces_the_old_one(tmp_path: Path) -> None:
    """A replica has one entry."""
    ledger = Ledger(tmp_path)
    ledger.record(entry(pid=7))
    ledger.record(entry(pid=8))

    assert ledger.entries() == [entry(pid=8)]


def test_a_forgotten_replica_is_gone(tmp_path: Path) -> None:
    """Forgetting twice is forgetting once."""
    ledger = Ledger(tmp_path)
    ledger.record(entry())
    ledger.forget("api", 0)
    ledger.forget("api", 0)

    assert ledger.entries() == []


def test_entries_of_another_boot_are_none(tmp_path: Path) -> None:
    """After a reboot the same pid and start time would be somebody else's."""
    ledger = Ledger(tmp_path)
    ledger.record(entry())
    file = next(tmp_path.glob("*.json"))
    file.write_text(file.read_text().replace('"boot":"', '"boot":"other'))

    assert ledger.entries() == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"boot": ""}', '{"boot": 1, "x": 2}'])
def test_a_broken_file_hides_no_other(tmp_path: Path, text: str) -> None:
    """What cannot be read is left out; the mark still finds its process."""
    ledger = Ledger(tmp_path)
    ledger.record(entry())
    (tmp_path / "x@0.json").write_text(text)

    assert ledger.entries() == [entry()]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The error names the file."""
    (tmp_path / "ledger").write_text("a file, not a folder")

    with pytest.raises(StoreError, match=r"cannot write .*ledger"):
        Ledger(tmp_path / "ledger").record(entry())
