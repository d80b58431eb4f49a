"""The bootstrap brings what is missing, once, and says what it may not bring."""

import os
import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import pytest

from tools import bootstrap
from tools.bootstrap import BootstrapError, SystemPackage

Program = Callable[[str, str], Path]


ROOT = Path(__file__).parents[2]
NAMED = re.compile(r'"/usr/(?:s?bin|lib)/([\w-]+)|(?:which|_found)\("([\w-]+)"')
"""Programs, and folders of programs, as tests name those of the system."""
EVERYWHERE = frozenset(
    {"apt-get", "git", "setpriv", "systemd-analyze", "systemd-notify", "unshare"}
)
"""On each Debian, or not missed by the tests."""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Makes a shell script findable; no other program is."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the files that decide the environment."""
    root = tmp_path / "checkout"
    for name in bootstrap.LOCKED_BY:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("first")
    return root


@pytest.fixture
def uv(program: Program, tmp_path: Path) -> Path:
    """A stand-in for uv that writes down each call and makes the folder."""
    log = tmp_path / "calls"
    return program("uv", f'/bin/mkdir -p .venv; echo "$* $UV_PYTHON_DOWNLOADS" >> {log}')


def calls(tmp_path: Path) -> list[str]:
    """How uv was called."""
    log = tmp_path / "calls"
    return log.read_text().splitlines() if log.exists() else []


def package(program_name: str, *, instead: str = "") -> SystemPackage:
    """A package that brings one program."""
    return SystemPackage(f"{program_name}-deb", (program_name,), use="a test", instead=instead)


def test_what_the_tests_talk_to_is_brought() -> None:
    """Each program of the system that a test names is in a package that `make test` installs."""
    brought = {
        word
        for package in bootstrap.TEST_PACKAGES
        for word in (
            package.name,
            *chain.from_iterable(Path(each).parts for each in package.any_of),
        )
    }
    folders = (ROOT / "tests", ROOT / "services" / "media" / "tests")
    named = {
        word
        for folder in folders
        for file in folder.rglob("*.py")
        for match in NAMED.finditer(file.read_text())
        for word in match.groups()
        if word
    }

    assert "apache2" in named
    assert named - brought - EVERYWHERE == set()


def test_python_older_than_3_11_is_refused() -> None:
    """The message names the version found and the one wanted."""
    with pytest.raises(BootstrapError, match=r"Python 3\.10 is older than 3\.11"):
        bootstrap.require_python((3, 10))


def test_package_is_present_when_any_of_its_programs_is(program: Program) -> None:
    """One of the alternatives is enough."""
    program("other-browser", "exit 0")
    browser = SystemPackage("browser-deb", ("one-browser", "other-browser"), use="a test")

    assert bootstrap.missing([browser, package("absent-program")]) == [package("absent-program")]


def test_package_is_present_when_its_folder_is(tmp_path: Path) -> None:
    """A package of data is seen by its path."""
    data = SystemPackage("data-deb", (str(tmp_path),), use="a test")

    assert bootstrap.missing([data]) == []


@pytest.mark.usefixtures("program")
def test_missing_package_stops_with_all_names_and_the_way_out() -> None:
    """Everything needed is named at once."""
    with pytest.raises(BootstrapError) as caught:
        bootstrap.ensure_system_packages([package("absent-a"), package("absent-b")])

    assert "absent-a-deb (a test), absent-b-deb (a test)" in str(caught.value)
    assert "install what Debian calls: absent-a-deb absent-b-deb" in str(caught.value)


def test_without_root_the_exact_command_is_said(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain user gets a line to paste."""
    program("apt-get", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(BootstrapError, match=r"run: sudo apt-get update && .* absent-deb"):
        bootstrap.ensure_system_packages([package("absent")])


@pytest.mark.usefixtures("program")
def test_optional_package_is_said_and_setup_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """What steps in for a missing package is named."""
    bootstrap.ensure_system_packages([package("absent", instead="the wheel is used")])

    assert "absent-deb is missing (a test): the wheel is used" in capsys.readouterr().err


def test_root_installs_what_is_missing(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package manager brings the program, and setup goes on."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    wanted = program("wanted", "exit 0")
    wanted.rename(wanted.with_name("kept-back"))
    program("apt-get", f'[ "$1" = update ] || /bin/cp {wanted.with_name("kept-back")} {wanted}')

    bootstrap.ensure_system_packages([package("wanted")])

    assert bootstrap.missing([package("wanted")]) == []


def test_failed_install_names_the_command(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package manager that fails is quoted, with its own words."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    program("apt-get", "echo no such mirror; exit 100")

    with pytest.raises(BootstrapError, match=r"no such mirror\n.*`apt-get update` exited with 100"):
        bootstrap.ensure_system_packages([package("absent")])


def test_environment_is_synced_once(checkout: Path, uv: Path, tmp_path: Path) -> None:
    """The second run finds the stamp; uv may never bring a Python of its own."""
    bootstrap.ensure_environment(checkout, uv=uv)
    bootstrap.ensure_environment(checkout, uv=uv)

    (call,) = calls(tmp_path)
    assert call.startswith("sync --frozen")
    assert call.endswith("never")


@pytest.mark.parametrize("name", bootstrap.LOCKED_BY)
def test_changed_dependencies_are_synced_again(
    checkout: Path, uv: Path, tmp_path: Path, name: str
) -> None:
    """Each file that decides the environment counts."""
    bootstrap.ensure_environment(checkout, uv=uv)
    (checkout / name).write_text("second")

    bootstrap.ensure_environment(checkout, uv=uv)

    assert len(calls(tmp_path)) == 2


def test_copied_checkout_gets_an_environment_of_its_own(
    checkout: Path, uv: Path, tmp_path: Path
) -> None:
    """Scripts that name the old folder do not survive a move."""
    bootstrap.ensure_environment(checkout, uv=uv)
    (checkout / ".venv" / "old-script").touch()
    moved = checkout.rename(tmp_path / "moved")

    bootstrap.ensure_environment(moved, uv=uv)

    assert len(calls(tmp_path)) == 2
    assert not (moved / ".venv" / "old-script").exists()


def test_failed_sync_is_tried_again(checkout: Path, program: Program) -> None:
    """A half-made environment leaves no stamp."""
    failing = program("uv", "/bin/mkdir -p .venv; exit 2")
    for _ in range(2):
        with pytest.raises(BootstrapError, match="cannot install the dependencies"):
            bootstrap.ensure_environment(checkout, uv=failing)


def test_present_uv_is_used_as_it_is(tmp_path: Path) -> None:
    """A uv that satisfies the requirement is not installed again."""
    home = tmp_path / ".cache" / "uv"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "uv").touch()
    (home / "requirement").write_text(bootstrap.UV_REQUIREMENT)

    assert bootstrap.ensure_uv(tmp_path) == home / "bin" / "uv"
