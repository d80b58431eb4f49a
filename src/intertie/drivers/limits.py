"""Limits of single processes, by setrlimit(2)."""

import os
import resource
import sys
from pathlib import Path

from intertie.drivers import Launch
from intertie.errors import DriverError

_UNLIMITED = -1
# Where the standard library has no name for it; Linux keeps the number, and no longer obeys it.
_UNNAMED = {"locks": 10} if sys.platform == "linux" else {}
_MOST_FILES = Path("/proc/sys/fs/nr_open")

Resource = tuple[str, int, int, int]
"""Name, the system's number of it, soft, hard."""


def resources(launch: Launch) -> list[Resource]:
    """What to set for it. Raises DriverError for what this system or our own limits refuse."""
    found = [_resource(launch, name) for name in launch.ulimits]
    if os.geteuid() != 0:
        for name, number, _, hard in found:
            _require_within_ours(launch, name, number, hard)
    return found


def refusal(launch: Launch, name: str, reason: str) -> DriverError:
    """Why the kernel did not set it, and what to do."""
    soft, hard = launch.ulimits[name]
    why = f"{reason}; ask for less, or give Intertie the right to raise it (CAP_SYS_RESOURCE)"
    if name == "nofile" and _MOST_FILES.exists():
        most = _MOST_FILES.read_text(encoding="ascii").strip()
        why = f"{why}; nobody gets more than {most} on this machine (fs.nr_open)"
    return _refuse(launch, f"ulimit {name} cannot be set to {_told(soft)}:{_told(hard)}: {why}")


def _resource(launch: Launch, name: str) -> Resource:
    number = getattr(resource, f"RLIMIT_{name.upper()}", _UNNAMED.get(name))
    if number is None:
        raise _refuse(launch, f"this system has no ulimit {name!r}")
    return (name, number, *launch.ulimits[name])


def _require_within_ours(launch: Launch, name: str, number: int, hard: int) -> None:
    ours = resource.getrlimit(number)[1]
    if ours != resource.RLIM_INFINITY and (hard == _UNLIMITED or hard > ours):
        raise _refuse(
            launch,
            f"ulimit {name} of {_told(hard)} is above the hard limit {ours} that Intertie itself "
            "runs under; ask for less, raise that one, or run Intertie as root",
        )


def _told(value: int) -> str:
    return "unlimited" if value == _UNLIMITED else str(value)


def _refuse(launch: Launch, why: str) -> DriverError:
    return DriverError(f"cannot start service {launch.service!r}: {why}", service=launch.service)
