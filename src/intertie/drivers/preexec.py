"""A program, not a module: what runs between our fork and the service's own program.

It sets what only a process can set for itself, in the order the kernel wants it (a control group
and a raised hard limit need the rights that are then dropped), and becomes the service's program
by exec, with the pid it has. It is run by its path, with `-I -S`: 7 ms, and nothing but C modules.
A chain of sh, prlimit, setsid and setpriv would take as long, need util-linux, lose variables with
odd names, and could say what went wrong only in the service's log.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # pyright: ignore  # signal: 5 ms more
import errno
import fcntl
import marshal
import os
import resource
import sys
import termios

READY = b"ready"
"""Sent when only exec is left to do."""
_FIRST = 3  # SD_LISTEN_FDS_START of sd_listen_fds(3)

TYPE_CHECKING = False  # importing typing would double the time
if TYPE_CHECKING:
    from typing import TypedDict

    class Order(TypedDict):
        """What the driver sends, by marshal."""

        argv: list[bytes]
        env: dict[bytes, bytes]
        cgroup: str | None
        """The file to enter it by."""
        terminal: bool
        """Standard input is to be the controlling terminal."""
        listen: list[int]
        listen_names: bytes
        ulimits: list[tuple[str, int, int, int]]
        """Name, number, soft, hard."""
        account: tuple[int, int, list[int]] | None
        """User, group and all groups."""


def main() -> None:
    """Obey; or send the step that failed, its error number and its text, and end."""
    given = int(sys.argv[1])
    text = _read(given)
    if not text:  # the driver ended before it said anything
        os._exit(127)
    order: Order = marshal.loads(text)  # noqa: S302 — from the driver that started us
    # Out of the way of the sockets, and closed by exec: the driver takes that for success.
    channel = fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, _FIRST + len(order["listen"]))
    os.close(given)
    steps = [""]
    try:
        _prepare(order, steps)
        os.write(channel, READY)
        _execute(order["argv"], order["env"])
    except (OSError, ValueError, MemoryError) as exc:
        number = exc.errno if isinstance(exc, OSError) else None
        os.write(channel, marshal.dumps((steps[-1], number, str(exc))))
    os._exit(127)


def _read(channel: int) -> bytes:
    parts: list[bytes] = []
    while part := os.read(channel, 65536):
        parts.append(part)
    return b"".join(parts)


def _prepare(order: Order, steps: list[str]) -> None:
    """`steps` gets the name of each step as it begins."""
    env, account = order["env"], order["account"]
    if order["cgroup"] is not None:
        steps.append("cgroup")
        _enter(order["cgroup"])
    if order["terminal"]:
        steps.append("terminal")
        _take_terminal(None if account is None else account[0])
    if order["listen"]:
        steps.append("listen")
        _place(order["listen"])
        env[b"LISTEN_FDS"] = str(len(order["listen"])).encode()
        env[b"LISTEN_FDNAMES"] = order["listen_names"]
        env[b"LISTEN_PID"] = str(os.getpid()).encode()
    # Python ignores these two, and exec would hand that on.
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)
    _signal.signal(_signal.SIGXFSZ, _signal.SIG_DFL)
    for name, number, soft, hard in order["ulimits"]:
        steps.append(name)
        resource.setrlimit(number, (soft, hard))
    if account is not None:
        steps.append("user")
        _drop(*account)
    steps.append("exec")


def _enter(cgroup: str) -> None:
    file = os.open(cgroup, os.O_WRONLY | os.O_CLOEXEC)
    os.write(file, b"0")  # 0 means the writer
    os.close(file)


def _take_terminal(owner: int | None) -> None:
    """We lead a session without a terminal: Popen made it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    if owner is not None:
        os.fchown(0, owner, -1)  # so that it may open it by name, as after a login


def _place(sockets: list[int]) -> None:
    """Have them as 3, 4, …: first all out of the way, as one may stand in another's place."""
    above = _FIRST + len(sockets)
    copies = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, above) for file in sockets]
    for file in sockets:
        os.close(file)
    for place, copy in enumerate(copies, _FIRST):
        os.dup2(copy, place, inheritable=True)


def _drop(uid: int, gid: int, groups: list[int]) -> None:
    os.setgroups(groups)
    os.setgid(gid)
    os.setuid(uid)


def _execute(argv: list[bytes], env: dict[bytes, bytes]) -> None:
    """As os.execvpe; but that imports something first, which the user may not be let to read."""
    folders = env.get(b"PATH", os.defpath.encode()).split(b":")
    if b"/" in argv[0]:
        folders = [b""]
    seen: OSError | None = None
    for folder in folders:
        try:
            os.execve(os.path.join(folder, argv[0]), argv, env)  # noqa: S606 — the purpose
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as exc:
            seen = seen or exc
    raise seen or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


if __name__ == "__main__":
    main()
