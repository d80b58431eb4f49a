import pytest

from intertie.automation.backup.port import Part, Verified


def test_a_part_is_one_of_all() -> None:
    """Parts are counted from 1."""
    assert Part(number=3, of=3).number == 3
    for number, of in ((0, 3), (4, 3), (1, 0)):
        with pytest.raises(ValueError, match="does not exist"):
            Part(number=number, of=of)


def test_one_finding_is_one_too_many() -> None:
    """A repository in which something is damaged has not passed."""
    assert Verified(snapshots=0, told="").passed
    assert not Verified(snapshots=0, told="", findings=("damaged",)).passed
