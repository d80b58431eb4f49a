import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.automation.maintenance.sweep import Sweep, is_leftover, stood_in, sweep
from tests.automation.maintenance.stage import LATER_S, make


def swept(root: Path, *folders: str, own: bool = False) -> tuple[int, int, tuple[str, ...]]:
    """Files and bytes gone a day before the month is over, and faults."""
    before_s = LATER_S - 86400
    asked = Sweep(
        root=root,
        state=".intertie",
        folders=folders,
        before_s=before_s,
        own_before_s=before_s if own else None,
    )
    done = sweep(asked)
    return done.changed, done.freed_bytes, done.faults


def left(root: Path) -> set[str]:
    """All there is, folders included."""
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_old_files_go_and_fresh_ones_stay(tmp_path: Path) -> None:
    """At any depth; the bytes are those that the disk gave back."""
    make(tmp_path / "tmp" / "old", 5000)
    make(tmp_path / "tmp" / "deep" / "er" / "old", 5000)
    make(tmp_path / "tmp" / "fresh", fresh=True)
    make(tmp_path / "other" / "old")
    taken = sum(file.stat().st_blocks * 512 for file in (tmp_path / "tmp").rglob("old"))

    assert swept(tmp_path, "tmp") == (2, taken, ())

    # A folder that became empty was young in the same moment only for what is swept next.
    assert left(tmp_path) == {"tmp", "tmp/fresh", "other", "other/old"}


def test_a_folder_that_is_not_there_is_nothing_to_clean(tmp_path: Path) -> None:
    """It may come later."""
    assert swept(tmp_path, "tmp") == (0, 0, ())


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    """Neither those to a file nor those to a folder, wherever they lead."""
    precious = make(tmp_path / "precious" / "file")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "to-file").symlink_to(precious)
    (tmp_path / "tmp" / "to-folder").symlink_to(precious.parent)
    (tmp_path / "tmp" / "up").symlink_to("..")

    count, _, faults = swept(tmp_path, "tmp")

    assert (count, faults) == (3, ())
    assert precious.exists()
    assert left(tmp_path) == {"tmp", "precious", "precious/file"}


def test_a_declared_folder_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    """It would lead out; it is told."""
    make(tmp_path / "elsewhere" / "file")
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "tmp").symlink_to("../elsewhere")

    count, _, faults = swept(tmp_path / "suite", "tmp", "tmp/deeper", "../elsewhere")

    assert count == 0
    assert len(faults) == 3
    assert (tmp_path / "elsewhere" / "file").exists()


def test_what_somebody_uses_stays(tmp_path: Path) -> None:
    """A file that is locked, a socket, a pipe, and a folder that a process stands in."""
    folder = tmp_path / "tmp"
    with make(folder / "locked").open() as locked, socket.socket(socket.AF_UNIX) as sock:
        fcntl.flock(locked, fcntl.LOCK_SH)
        sock.bind(str(folder / "socket"))
        os.mkfifo(folder / "pipe")
        (folder / "home").mkdir()
        (folder / "empty").mkdir()
        process = subprocess.Popen(
            ["sh", "-c", "echo; read x"],
            cwd=folder / "home",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            count, _, faults = swept(tmp_path, "tmp")
            process.kill()

    assert (count, faults) == (0, ())
    assert left(folder) == {"locked", "socket", "pipe", "home"}


def test_a_file_of_two_names_frees_nothing(tmp_path: Path) -> None:
    """It lives on under the other one."""
    os.link(make(tmp_path / "kept", 5000), make(tmp_path / "tmp" / "x").with_name("second"))

    assert swept(tmp_path, "tmp")[:2] == (2, 4096)
    assert (tmp_path / "kept").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_cannot_be_removed_is_told_and_the_rest_goes(tmp_path: Path) -> None:
    """By its place from the suite file's folder."""
    make(tmp_path / "tmp" / "shut" / "file").parent.chmod(0o500)
    make(tmp_path / "tmp" / "zlast")

    count, _, faults = swept(tmp_path, "tmp")
    (tmp_path / "tmp" / "shut").chmod(0o700)

    assert count == 1
    assert faults == ("cannot clean 'tmp/shut/file': Permission denied",)


def test_leftovers_of_ours_go_and_nothing_else_of_the_state_folder(tmp_path: Path) -> None:
    """Half-written files where we write, not where services and engines do."""
    state = tmp_path / ".intertie"
    gone = ["run/daemon.part", "run/envoy/boot.part", "logs/api/.0.out.log.0.part"]
    stays = ["run/ledger", "data/api/film.part", "bus/rdb.part", "logs/api/0.out.log"]
    for name in (*gone, *stays):
        make(state / name)
    make(state / "run" / "new.part", fresh=True)

    count, _, faults = swept(tmp_path, own=True)

    assert (count, faults) == (3, ())
    assert not any((state / name).exists() for name in gone)
    assert all((state / name).exists() for name in (*stays, "run/new.part"))


def test_leftovers_are_known_by_their_name() -> None:
    """Of the two kinds that there are."""
    names = ["a.part", ".part-x", "part", "a.partial", "apart"]
    assert [is_leftover(name) for name in names] == [True, True, False, False, False]


def test_where_processes_stand_is_known() -> None:
    """Our own place is among them."""
    here = os.stat(".")
    assert (here.st_dev, here.st_ino) in stood_in()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["..", ".", "tmp", "link", "", "out", "/"]), max_size=5).map(
            "/".join
        ),
        max_size=4,
    )
)
def test_no_path_leads_out_of_the_folder(
    tmp_path_factory: pytest.TempPathFactory, paths: list[str]
) -> None:
    """Whatever names, dots and links are declared."""
    base = tmp_path_factory.mktemp("base")
    precious = [make(base / "out" / "file"), make(base / "suite" / ".intertie" / "intertie.db")]
    precious.append(make(base / "suite" / "suite.yaml"))
    make(base / "suite" / "tmp" / "file")
    (base / "suite" / "link").symlink_to(base / "out")
    (base / "suite" / "tmp" / "link").symlink_to("../..")

    swept(base / "suite", *paths)

    assert all(file.exists() for file in precious)
