"""Ports for tests: what one was given, no other gets, also in a run beside it."""

import os
import random

from intertie.runtime.ports import Ports


class _Share(random.Random):  # noqa: S311 - not a secret
    """Draws from every so many numbers only, each worker of a run from others."""

    def randint(self, a: int, b: int) -> int:
        """See Random."""
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        return a + worker + count * super().randint(0, (b - a - worker) // count)


PORTS = Ports(_Share())
"""Between the moment a port is given and the one it is listened on, only this knows of it."""
