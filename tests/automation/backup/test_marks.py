import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.automation.backup.marks import Mark
from intertie.automation.backup.port import BackupError


@given(st.dictionaries(st.text(), st.text(), max_size=4), st.datetimes(timezones=st.just(UTC)))
def test_a_word_gives_back_what_it_was_made_of(meta: dict[str, str], at: datetime) -> None:
    """It holds nothing that a command line or a list could take for something else."""
    mark = Mark(at=at, files=3, size_bytes=5, meta=meta)

    assert Mark.parse(mark.word) == mark
    assert re.fullmatch(r"[\w=-]+", mark.word, re.ASCII)


@pytest.mark.parametrize("word", ["", "nightly", "intertie-", "intertie-%%%", "intertie-e30="])
def test_words_of_others_are_none(word: str) -> None:
    """They are passed over."""
    assert Mark.parse(word) is None


def test_it_counts_what_is_there(tmp_path: Path) -> None:
    """And says what is not."""
    (tmp_path / "a").write_bytes(bytes(7))

    assert Mark.of(tmp_path, datetime(2026, 1, 1, tzinfo=UTC), None).size_bytes == 7
    with pytest.raises(BackupError, match="gone"):
        Mark.of(tmp_path / "gone", datetime(2026, 1, 1, tzinfo=UTC), None)
