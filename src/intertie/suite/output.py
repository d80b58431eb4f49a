"""What a command prints, as a value of the suite file."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from intertie.suite.interpolate import MissingError

_TIMEOUT_S = 10.0
_LONGEST = 64 * 1024


def output_of(command: str, *, folder: Path, env: Mapping[str, str]) -> str:
    """Standard output of a command run in `folder`, less one newline at its end.

    No shell is involved. Raises MissingError when it fails, prints too much, or takes too long.
    """
    try:
        argv = shlex.split(command)
    except ValueError as exc:
        raise MissingError(f"expected a command with every quote closed, got {command}") from exc
    if not argv:
        raise MissingError("expected a command: ${command:PROGRAM ARGUMENTS}")
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env={"PATH": os.defpath, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise MissingError(f"`{command}` did not end within {_TIMEOUT_S:g} s") from exc
    except OSError as exc:
        raise MissingError(f"cannot run {argv[0]!r}: {exc.strerror}") from exc
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise MissingError(f"`{command}` ended with exit code {done.returncode}", said)
    if len(done.stdout) > _LONGEST:
        raise MissingError(f"`{command}` printed more than {_LONGEST // 1024} KiB")
    return done.stdout.decode(errors="replace").removesuffix("\n")
