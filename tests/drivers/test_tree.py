import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from intertie.drivers import Identity, proc
from intertie.drivers.tree import Marker, Tree, bury, gone, kill_all
from tests.waiting import eventually

Child = subprocess.Popen[bytes]


@pytest.fixture
def marker(tmp_path: Path) -> Marker:
    """One that no other test has."""
    return Marker(str(tmp_path), "api", 1)


@pytest.fixture
def parent(marker: Marker) -> Iterator[Child]:
    """A marked process with a child in its group and one in a session of its own."""
    script = "sleep 1000 & setsid sleep 1000 & wait"
    child = subprocess.Popen(
        ["/bin/sh", "-c", script], env={**os.environ, **marker.env}, start_new_session=True
    )
    with child:
        left = tree(child, marker, held=False)
        yield child
        for found in left.members():
            proc.send(found.identity, signal.SIGKILL)
        child.kill()


def tree(child: Child, marker: Marker, *, held: bool = True) -> Tree:
    """Of a process we started."""
    identity = proc.identify(child.pid)
    assert identity is not None
    return Tree(marker, identity, held=held, others=lambda: ())


async def complete(found: Tree) -> None:
    """Wait until the parent and both children are there, each in its place."""
    await eventually(lambda: sorted(s.group == found.main.pid for s in found.members()) == PLACES)


PLACES = [False, True, True]
"""Of a complete tree: who is in the group of the main process."""


@pytest.mark.anyio
@pytest.mark.parametrize("held", [True, False])
async def test_members_are_found_wherever_they_are(
    parent: Child, marker: Marker, held: bool
) -> None:
    """By descent, group, session or mark; whether or not the main process is our child."""
    found = tree(parent, marker, held=held)
    await complete(found)

    assert len(found.members()) == 3
    assert len(found.group()) == 2

    assert await found.kill() == 3
    assert found.members() == []


@pytest.mark.anyio
@pytest.mark.parametrize("held", [True, False])
async def test_members_are_found_after_the_main_process_ended(
    parent: Child, marker: Marker, held: bool
) -> None:
    """They carry the mark, so a lost parent does not hide them."""
    found = tree(parent, marker, held=held)
    await complete(found)
    os.kill(parent.pid, signal.SIGKILL)
    await gone(found.main)

    assert len(found.members()) == 2

    assert await found.kill() == 2


@pytest.mark.anyio
async def test_a_stranger_is_no_member(parent: Child, marker: Marker) -> None:
    """Not even with the pid of the main process, if it started at another time."""
    found = tree(parent, marker)
    await complete(found)
    other = Identity(found.main.pid, found.main.start_ticks + 1)
    stranger = Tree(Marker("other", "api", 1), other, held=False, others=lambda: ())

    assert stranger.members() == []
    stranger.signal(signal.SIGKILL)
    assert proc.is_alive(found.main)

    await found.kill()


@pytest.fixture
def sleepers() -> Iterator[list[Child]]:
    """Some processes."""
    children = [subprocess.Popen(["sleep", "1000"]) for _ in range(5)]
    yield children
    for child in children:
        child.kill()
        child.wait()


@pytest.mark.anyio
async def test_killing_waits_until_they_are_gone(
    sleepers: list[Child],
) -> None:
    """What was killed is dead when the call returns; its parent learns how it ended."""
    identities = [found for c in sleepers if (found := proc.identify(c.pid))]

    assert await kill_all(identities)

    assert not any(proc.is_alive(identity) for identity in identities)
    assert [child.poll() for child in sleepers] == [-signal.SIGKILL] * 5


@pytest.mark.anyio
async def test_burying_clears_children_away(sleepers: list[Child]) -> None:
    """Those that ended are gone after; those that live, and strangers, are left alone."""
    first, second = [found for c in sleepers[:2] if (found := proc.identify(c.pid))]
    init = proc.identify(1)
    assert init is not None
    await kill_all([first])

    bury([first, second, init])

    assert proc.stat(first.pid) is None
    assert proc.is_alive(second)
