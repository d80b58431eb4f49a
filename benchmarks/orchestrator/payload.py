"""Builds the C program that every contender runs."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.orchestrator.rivals.install import CACHE, Missing, apt

_SOURCE = Path(__file__).parent / "payload.c"

LINE_BYTES = 100
"""As in the C source."""


def payload() -> Path:
    """The compiled program, made anew when its source is newer. Raises Missing."""
    binary = CACHE / "payload"
    if binary.exists() and binary.stat().st_mtime > _SOURCE.stat().st_mtime:
        return binary
    if shutil.which("gcc") is None:
        apt("gcc", "libc6-dev")
    CACHE.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-O2", "-std=gnu11", "-o", str(binary), str(_SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"cannot compile {_SOURCE.name}: {done.stderr.strip()}")
    return binary
