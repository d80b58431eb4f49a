"""Starting one program, and saying well why it cannot be started."""

import errno
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from intertie.drivers import Launch
from intertie.drivers.who import Account
from intertie.errors import DriverError

_LOG_MODE = 0o640


def spawn(
    launch: Launch, marker: Mapping[str, str], who: Account | None = None
) -> "subprocess.Popen[bytes]":
    """Start the program in a session of its own. Raises DriverError.

    No code of ours runs between fork and exec, so that Python can use vfork (unless the user
    changes): a millisecond, however large the daemon is. For what needs such code see `entry`.
    """
    with log(launch, launch.stdout) as out, log(launch, launch.stderr) as err:
        try:
            return subprocess.Popen(  # the caller owns the process
                launch.argv,
                cwd=launch.cwd,
                env={**launch.env, **marker},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                close_fds=True,
                user=None if who is None else who.uid,
                group=None if who is None else who.gid,
                extra_groups=None if who is None else who.groups,
                umask=-1 if launch.umask is None else launch.umask,
            )
        except (OSError, ValueError) as exc:
            if who is not None and isinstance(exc, OSError) and exc.filename is None:
                raise refusal(launch, not_become(exc.strerror)) from exc
            raise refusal(launch, why_not_run(launch, exc)) from exc


@contextmanager
def log(launch: Launch, path: Path) -> Iterator[int]:
    """The file open for appending. Raises DriverError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, flags, _LOG_MODE)
    except OSError as exc:
        raise refusal(launch, f"its log {path} cannot be opened: {exc.strerror}") from exc
    try:
        yield file
    finally:
        os.close(file)


def refusal(launch: Launch, why: str) -> DriverError:
    """To be raised."""
    return DriverError(f"cannot start service {launch.service!r}: {why}", service=launch.service)


def not_become(reason: str | None) -> str:
    """What to say when the kernel does not let us change the user."""
    return f"the kernel does not let it have its user and groups: {reason}; see user and group"


def why_not_run(launch: Launch, exc: OSError | ValueError) -> str:
    """What to say when the program could not be executed."""
    if isinstance(exc, ValueError):
        return f"its command or environment is not usable: {exc}"
    if not launch.cwd.is_dir():
        problem = "is not a folder" if launch.cwd.exists() else "does not exist"
        return f"its folder {launch.cwd} {problem}; see working_dir"
    program = launch.argv[0]
    if "/" not in program:
        found = which(program, path=launch.env.get("PATH", ""))
        if found is None:
            return _not_found(program, launch.env.get("PATH", ""))
        return _not_run(launch, Path(found), exc)
    return _not_run(launch, launch.cwd / program, exc)


def _not_found(program: str, path: str) -> str:
    if len(shlex.split(program)) > 1:
        return f"program {program!r} holds blanks; give the command as one line, or as a list"
    return f"program {program!r} is not found in PATH ({path or 'which is empty'})"


def _not_run(launch: Launch, path: Path, exc: OSError) -> str:
    if not path.exists():
        return f"program {path} does not exist"
    if path.is_dir():
        return f"{path} is a folder, not a program"
    if not os.access(path, os.X_OK):
        return f"{path} is not executable; run `chmod +x {path}`"
    if exc.errno == errno.ENOENT:
        return f"the interpreter named in the first line of {path} does not exist"
    if exc.errno == errno.ENOEXEC:
        return f"{path} is not a program for this machine (a script needs a line like #!/bin/sh)"
    asked = launch.user is not None and exc.errno == errno.EACCES
    return f"{path}: {exc.strerror}" + (f" for user {launch.user!r}" if asked else "")
