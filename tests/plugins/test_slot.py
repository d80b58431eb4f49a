import subprocess
import sys
from time import monotonic

from intertie.plugins.slot import new_slot


def test_what_a_process_wrote_is_there_when_it_is_not() -> None:
    """Whose code it was in, and since when, by the clock of this one."""
    began = monotonic()
    script = "import os, sys; from intertie.plugins.slot import Slot; "
    script += "Slot(int(sys.argv[1])).enter('slack ✅'); os._exit(1)"
    with new_slot() as slot:
        fd = slot.descriptor
        assert slot.read() is None
        subprocess.run([sys.executable, "-c", script, str(fd)], pass_fds=[fd], check=False)
        entered = slot.read()

        assert entered is not None
        assert entered.label == "slack ✅"
        assert began < entered.at < monotonic()


def test_leaving_means_nobody() -> None:
    """A label that is too long is cut."""
    with new_slot() as slot:
        slot.enter("x" * 10_000)
        entered = slot.read()
        assert entered is not None
        assert len(entered.label) < 5_000
        slot.leave()
        assert slot.read() is None
