import os
import subprocess

from intertie.drivers import portable, proc


def test_psutil_says_the_same_as_proc() -> None:
    """Whoever has no /proc sees the same processes, groups and sessions."""
    own = os.getpid()
    known, told = proc.stat(own), portable.stat(own)

    assert known is not None
    assert told is not None
    assert (told.parent, told.group, told.session) == (known.parent, known.group, known.session)
    assert not told.zombie
    assert own in portable.pids()
    assert set(portable.environment(own)) == {each for each in proc.environment(own) if each}


def test_a_process_that_is_gone_is_nobody() -> None:
    """No error: it may end at any time. Waiting for it returns."""
    process = subprocess.Popen(["true"])
    process.wait()

    assert portable.stat(process.pid) is None
    assert portable.environment(process.pid) == []
    portable.wait(process.pid)
