from pathlib import Path

import pytest

from intertie.suite import load
from intertie.suite.interpolate import MissingError
from intertie.suite.output import output_of


def test_a_value_may_be_what_a_command_prints(tmp_path: Path) -> None:
    """Run in the suite's folder, with the variables of `.env`, and without a shell."""
    (tmp_path / ".env").write_text("COLOUR=blue\n")
    (tmp_path / "name").write_text("x y\n")
    (tmp_path / "suite.yaml").write_text(
        "suite: s\nservices:\n  a:\n    command: a\n    environment:\n"
        "      NAME: <${command:cat name}>\n      COLOUR: '${command:printenv COLOUR}'\n"
        "      PLAIN: '${command:echo $HOME}'\n"
    )

    suite = load(tmp_path / "suite.yaml").suite

    found = suite.services["a"].environment
    assert found == {"NAME": "<x y>", "COLOUR": "blue", "PLAIN": "$HOME"}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("false", "`false` ended with exit code 1"),
        ("", "expected a command"),
        ("echo 'x", "every quote closed"),
        ("/no/such/program", "cannot run '/no/such/program': No such file"),
        ("head -c 70000 /dev/zero", "printed more than 64 KiB"),
    ],
)
def test_a_command_that_gives_no_value_is_a_fault(tmp_path: Path, command: str, why: str) -> None:
    """What is wrong is said in the words of the file."""
    with pytest.raises(MissingError, match=why):
        output_of(command, folder=tmp_path, env={})


def test_what_a_failing_command_said_is_the_hint(tmp_path: Path) -> None:
    """Its first line on standard error."""
    with pytest.raises(MissingError) as caught:
        output_of("sh -c 'echo no tag >&2; exit 3'", folder=tmp_path, env={})

    assert caught.value.hint == "no tag"
