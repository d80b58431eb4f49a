"""The root command: help, exit codes, and errors without tracebacks."""

import pytest
from click.testing import CliRunner

from intertie.cli.main import cli, run
from tests.harness import Bench


def test_help_lists_every_command_in_a_useful_order() -> None:
    """The daily ones first; the daemon, which `up` starts, is not shown."""
    text = CliRunner().invoke(cli, ["--help"]).output

    assert text.index("  up ") < text.index("  down ") < text.index("  token ")
    assert "daemon" not in text
    assert "Exit codes: 0 done, 1 failed, 2 faulty" in text


def test_each_command_has_a_help_text_with_its_options() -> None:
    """Nobody has to guess."""
    context = cli.make_context("intertie", ["ps"])
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help, name
        for parameter in command.params:
            assert (
                parameter.param_type_name == "argument"
                or command.hidden
                or getattr(parameter, "help", None)
            ), f"{name} {parameter.name}"


@pytest.mark.parametrize("arguments", [["nonsense"], ["ps", "--nope"], ["start"], ["url"]])
def test_wrong_arguments_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With a usage line on standard error."""
    assert run(arguments) == 2
    assert "Usage:" in capsys.readouterr().err


def test_a_missing_suite_file_is_one_line(bench: Bench) -> None:
    """It says where was looked and what to do."""
    failed = bench("ps")

    assert failed.code == 1
    assert failed.err.startswith("error: cannot find a suite file")
    assert "--file" in failed.err
    assert "Traceback" not in failed.err


def test_a_suite_that_does_not_run_is_one_line(bench: Bench) -> None:
    """Every command that needs the daemon says how to start it."""
    bench.write("suite: x\nservices:\n  a: {command: 'true'}\n")

    failed = bench("ps")

    assert (failed.code, failed.out) == (1, "")
    assert "start it with `intertie up`" in failed.err
