from pathlib import Path

import pytest

from intertie.plugins.fault import PluginFault, did_you_mean, line_in, told


def test_a_fault_names_file_line_and_hint() -> None:
    """In the form that editors jump to."""
    fault = PluginFault("plugins/a.py", 7, "is wrong", "do it right")

    assert str(fault) == "plugins/a.py:7: is wrong (do it right)"
    assert str(PluginFault("plugins/a.py", 0, "is wrong")) == "plugins/a.py: is wrong"


def test_the_line_is_the_innermost_of_the_file() -> None:
    """Also when the error came out of a library that it called."""
    with pytest.raises(FileNotFoundError) as caught:
        Path("/no/such/file").read_text()

    line = line_in(caught.value, __file__)
    assert "/no/such/file" in Path(__file__).read_text().split("\n")[line - 1]
    assert line_in(caught.value, "other.py") == 0


def test_an_exception_is_told_in_one_line() -> None:
    """With its kind, which for some is all there is."""
    assert told(ValueError("a\n b")) == "ValueError: a b"
    assert told(KeyError()) == "KeyError"


def test_a_near_word_is_named() -> None:
    """And none when nothing is near."""
    assert did_you_mean("slak", ["slack", "other"]) == "did you mean `slack`?"
    assert did_you_mean("zzz", ["slack"]) == ""
