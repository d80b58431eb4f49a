import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from intertie.drivers import Identity, proc


@contextmanager
def running(*argv: str, **env: str) -> Iterator[int]:
    """A program; its pid. It is waited for at the end."""
    child = subprocess.Popen(argv, env={**os.environ, **env}, start_new_session=True)
    try:
        yield child.pid
    finally:
        child.kill()
        child.wait()


def known(pid: int) -> proc.Stat:
    """A process that must be there."""
    found = proc.stat(pid)
    assert found is not None
    return found


def test_a_process_is_seen_as_it_is() -> None:
    """Parent, group and session, as the system calls tell them."""
    found = known(os.getpid())

    assert found.parent == os.getppid()
    assert found.group == os.getpgid(0)
    assert found.session == os.getsid(0)
    assert not found.zombie


def test_a_name_with_brackets_confuses_nobody(tmp_path: os.PathLike[str]) -> None:
    """The name in /proc/PID/stat is the program's to choose."""
    program = os.path.join(tmp_path, "a) R 1 (b")
    os.symlink("/bin/sleep", program)
    with running(program, "1000") as pid:
        assert known(pid).parent == os.getpid()


def test_a_process_that_is_not_there_is_none() -> None:
    """Nor has it an identity."""
    with running("sleep", "1000") as pid:
        identity = proc.identify(pid)
    assert identity is not None

    assert proc.stat(pid) is None
    assert not proc.is_alive(identity)
    assert proc.children(pid) == []
    assert proc.environment(pid) == []


def test_a_zombie_is_not_alive() -> None:
    """It has ended, though it is still listed."""
    with running("sleep", "1000") as pid:
        identity = known(pid).identity
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

        assert known(pid).zombie
        assert not proc.is_alive(identity)


def test_the_environment_is_that_of_the_start() -> None:
    """As NAME=value."""
    with running("sleep", "1000", MARK="a b") as pid:
        assert b"MARK=a b" in proc.environment(pid)


def test_the_environment_is_known_from_the_first_moment() -> None:
    """Right after the spawn, though the kernel shows none while it loads the program."""
    for _ in range(100):
        with running("sleep", "1000", MARK="x") as pid:
            assert b"MARK=x" in proc.environment(pid)


def test_descendants_are_found_at_any_depth() -> None:
    """Children before their own children."""
    script = "sh -c 'sleep 1000 & echo; wait' & wait"
    child = subprocess.Popen(
        ["/bin/sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()

        found = proc.descendants([child.pid])

        assert [s.parent for s in found] == [child.pid, found[0].identity.pid]
        assert found[0].identity.pid in proc.children(child.pid)
        os.killpg(child.pid, signal.SIGKILL)


def test_a_signal_reaches_exactly_one_process() -> None:
    """Never another one that has the same pid."""
    with running("sleep", "1000") as pid:
        identity = known(pid).identity

        assert not proc.send(Identity(pid, identity.start_ticks + 1), signal.SIGKILL)
        assert proc.is_alive(identity)
        assert proc.send(identity, signal.SIGKILL)
    assert not proc.send(identity, signal.SIGKILL)


def test_everything_lists_us() -> None:
    """And the first process of the machine."""
    pids = {found.identity.pid for found in proc.everything()}

    assert {1, os.getpid()} <= pids


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only")
def test_orphans_can_be_taken_in() -> None:
    """On Linux a process can become the parent of orphans below it."""
    assert proc.become_subreaper()
    assert proc.is_subreaper()
