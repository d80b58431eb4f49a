import os
from pathlib import Path

import pytest

from intertie.drivers import Launch
from intertie.drivers.spawn import spawn
from intertie.errors import DriverError
from tests.drivers.launches import launch


def refusal(made: Launch) -> str:
    """Why it cannot be started."""
    with pytest.raises(DriverError) as caught:
        spawn(made, {})
    begin, _, why = str(caught.value).partition(": ")
    assert begin == "cannot start service 'api'"
    assert caught.value.service == "api"
    return why


def test_a_program_writes_its_logs_itself(tmp_path: Path) -> None:
    """Standard output and error each append to their file; the folder is made."""
    script = "echo out; echo err >&2; cat; echo $0 $MARK; pwd; ls /proc/self/fd | wc -l"
    for _ in range(2):
        child = spawn(launch(tmp_path, "sh", "-c", script, "x"), {"MARK": "m"})
        assert child.wait(10) == 0

    # 0, 1, 2 and the listing's own.
    assert (tmp_path / "logs/out").read_text() == f"out\nx m\n{tmp_path}\n4\n" * 2
    assert (tmp_path / "logs/err").read_text() == "err\n" * 2


def test_a_program_leads_a_session_of_its_own(tmp_path: Path) -> None:
    """A signal to the daemon's terminal does not reach it."""
    child = spawn(launch(tmp_path, "sleep", "1000"), {})

    session = os.getsid(child.pid)
    child.kill()
    child.wait(10)

    assert session == child.pid


def test_a_missing_program_is_named_with_the_path(tmp_path: Path) -> None:
    """The PATH that was searched is the service's own."""
    made = launch(tmp_path, "nope", env={"PATH": "/a:/b"})

    assert refusal(made) == "program 'nope' is not found in PATH (/a:/b)"


def test_an_empty_path_is_told(tmp_path: Path) -> None:
    """The reason is the PATH, not the program."""
    assert refusal(launch(tmp_path, "nope", env={})).endswith("PATH (which is empty)")


def test_a_program_is_looked_for_in_its_own_folder(tmp_path: Path) -> None:
    """A relative path counts from the working folder."""
    assert refusal(launch(tmp_path, "./run")) == f"program {tmp_path}/run does not exist"


def test_a_program_that_is_not_executable_is_told_how_to_be(tmp_path: Path) -> None:
    """The command that helps is in the message."""
    file = tmp_path / "run"
    file.write_text("#!/bin/sh\n")

    assert refusal(launch(tmp_path, "./run")) == f"{file} is not executable; run `chmod +x {file}`"


def test_a_script_without_its_interpreter_is_told(tmp_path: Path) -> None:
    """Not the script is missing."""
    file = tmp_path / "run"
    file.write_text("#!/no/such/interpreter\n")
    file.chmod(0o755)

    why = refusal(launch(tmp_path, "./run"))

    assert why == f"the interpreter named in the first line of {file} does not exist"


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    """For example a script without a first line."""
    file = tmp_path / "run"
    file.write_text("echo hello\n")
    file.chmod(0o755)

    assert "is not a program for this machine" in refusal(launch(tmp_path, "./run"))


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    """It says what it is."""
    (tmp_path / "run").mkdir()

    assert refusal(launch(tmp_path, "./run")) == f"{tmp_path}/run is a folder, not a program"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """With the key it came from."""
    made = launch(tmp_path, "true", cwd=tmp_path / "sub")

    assert refusal(made) == f"its folder {tmp_path}/sub does not exist; see working_dir"


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    """It exists, but is not one."""
    (tmp_path / "sub").touch()

    assert "is not a folder" in refusal(launch(tmp_path, "true", cwd=tmp_path / "sub"))


def test_a_whole_line_as_program_is_told(tmp_path: Path) -> None:
    """A list of one item is a common mistake."""
    assert "give the command as one line, or as a list" in refusal(launch(tmp_path, "ls -l"))


def test_a_log_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """The service is not started without its log."""
    (tmp_path / "logs").touch()

    assert refusal(launch(tmp_path, "true")).startswith(f"its log {tmp_path}/logs/out cannot be")


def test_an_argument_no_program_can_get_is_told(tmp_path: Path) -> None:
    """A null byte ends a string for the kernel."""
    assert "embedded null byte" in refusal(launch(tmp_path, "true", "a\0b"))


def test_a_mask_holds_for_new_files(tmp_path: Path) -> None:
    """Of the program; ours stays."""
    ours = os.umask(0o22)
    os.umask(ours)

    child = spawn(launch(tmp_path, "sh", "-c", "umask; touch made", umask=0o77), {})

    assert child.wait(10) == 0
    assert (tmp_path / "logs/out").read_text() == "0077\n"
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
    assert os.umask(ours) == ours
