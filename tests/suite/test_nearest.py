from intertie.suite.nearest import did_you_mean, nearest


def test_the_nearest_word_is_found_whatever_the_case() -> None:
    """A slip of the finger is recognised."""
    assert nearest("Cohmand", {"command", "environment"}) == "command"
    assert did_you_mean("prot", ["port", "path"]) == "did you mean `port`?"


def test_no_word_is_named_when_none_is_near() -> None:
    """A bad guess is worse than none."""
    assert nearest("xyz", ["command"]) is None
    assert did_you_mean("xyz", []) == ""
