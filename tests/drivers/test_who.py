import grp
import os
import pwd
from pathlib import Path

import pytest

from intertie.drivers.spawn import spawn
from intertie.drivers.who import Account, account, variables
from intertie.errors import DriverError
from tests.drivers.launches import NOBODY, launch, needs_root, unprivileged

ME = pwd.getpwuid(os.geteuid())


def refusal(folder: Path, **keys: object) -> str:
    """Why nobody can be found for it."""
    with pytest.raises(DriverError) as caught:
        account(launch(folder, "true", **keys))
    begin, _, why = str(caught.value).partition(": ")
    assert begin == "cannot start service 'api'"
    return why


def test_nothing_named_changes_nothing(tmp_path: Path) -> None:
    """The service runs as we do."""
    assert account(launch(tmp_path, "true")) is None


def test_an_unknown_name_is_told(tmp_path: Path) -> None:
    """A user's as well as a group's."""
    assert refusal(tmp_path, user="no-such") == "there is no user 'no-such' on this machine"
    assert refusal(tmp_path, group="no-such") == "there is no group 'no-such' on this machine"


def test_a_number_without_a_user_needs_a_group(tmp_path: Path) -> None:
    """Nobody guesses one, least of all root's."""
    assert "give `group`" in refusal(tmp_path, user="4000111")


def test_only_root_may_choose(tmp_path: Path) -> None:
    """Others are told what to do; naming themselves is no choice."""
    with unprivileged():
        told = refusal(tmp_path, user="root")
        own = pwd.getpwuid(os.geteuid()).pw_name
        same = account(launch(tmp_path, "true", user=own, group=str(os.getegid())))

    expected = "only root may run it as user root; run Intertie as root, or take that away"
    assert told == expected
    assert same is None


@needs_root
def test_a_user_brings_all_its_groups(tmp_path: Path) -> None:
    """By name or number; a named group comes instead of the user's own."""
    entry = pwd.getpwuid(NOBODY)
    groups = tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    by_name = account(launch(tmp_path, "true", user=entry.pw_name))

    assert by_name == Account(NOBODY, entry.pw_gid, groups)
    assert account(launch(tmp_path, "true", user=str(NOBODY))) == by_name
    other = account(launch(tmp_path, "true", user=entry.pw_name, group="1"))
    assert other is not None
    assert (other.gid, 1 in other.groups, 0 in other.groups) == (1, True, False)


@needs_root
def test_an_unknown_number_runs_with_its_group_only(tmp_path: Path) -> None:
    """As containers do it."""
    found = account(launch(tmp_path, "true", user="4000111", group="4000112"))

    assert found == Account(4000111, 4000112, (4000112,))


@needs_root
def test_a_program_runs_as_its_user(tmp_path: Path) -> None:
    """Nothing of root is left to it, also no group."""
    made = launch(tmp_path, "sh", "-c", "id -u; id -g; id -G", user=str(NOBODY))

    child = spawn(made, {}, account(made))

    assert child.wait(10) == 0
    gid = pwd.getpwuid(NOBODY).pw_gid
    assert (tmp_path / "logs/out").read_text() == f"{NOBODY}\n{gid}\n{gid}\n"
    assert grp.getgrgid(gid)


def test_the_variables_of_a_login_are_known() -> None:
    """For the environment; an unknown user has none."""
    assert variables(ME.pw_name) == {
        "HOME": ME.pw_dir,
        "LOGNAME": ME.pw_name,
        "SHELL": ME.pw_shell,
        "USER": ME.pw_name,
    }
    assert variables(str(ME.pw_uid)) == variables(ME.pw_name)
    assert variables("no-such") == {}
