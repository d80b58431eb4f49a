"""Launches for tests, and being somebody else."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from intertie.drivers import Launch

NOBODY = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


def launch(folder: Path, *argv: str, **keys: object) -> Launch:
    """Of a command; `keys` replace the rest."""
    given: dict[str, object] = {
        "service": "api",
        "replica": 0,
        "argv": argv,
        "env": {"PATH": os.environ["PATH"]},
        "cwd": folder,
        "stdout": folder / "logs/out",
        "stderr": folder / "logs/err",
        "stop_signal": 15,
        "stop_grace_s": 1.0,
    }
    return Launch(**{**given, **keys})  # type: ignore[arg-type]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be somebody who is not root."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
