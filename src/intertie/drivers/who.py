"""As whom a service runs. Only root may choose; everybody else runs as who they are."""

import grp
import os
import pwd
from dataclasses import dataclass

from intertie.drivers import Launch
from intertie.errors import DriverError


@dataclass(frozen=True, slots=True)
class Account:
    """What the kernel is told: numbers only."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    """All the groups of the user, `gid` among them."""


def account(launch: Launch) -> Account | None:
    """Whom to become for it, None when nothing changes. Raises DriverError.

    May ask a directory over the network, where the machine is set up so: call it in a thread.
    """
    if launch.user is None and launch.group is None:
        return None
    entry = _user(launch)
    uid = _number(launch.user) if entry is None else entry.pw_uid
    if launch.group is not None:
        gid = _group(launch, launch.group)
    elif entry is not None:
        gid = entry.pw_gid
    else:
        why = f"user {launch.user} is not a user of this machine, so it has no group: give `group`"
        raise _refusal(launch, why)
    if os.geteuid() == 0:
        groups = [gid] if entry is None else os.getgrouplist(entry.pw_name, gid)
        return Account(uid, gid, tuple(groups))
    if (uid, gid) != (os.geteuid(), os.getegid()):
        wanted = f"user {launch.user}" if launch.user is not None else f"group {launch.group}"
        why = f"only root may run it as {wanted}; run Intertie as root, or take that away"
        raise _refusal(launch, why)
    return None


def variables(user: str) -> dict[str, str]:
    """HOME, LOGNAME, SHELL and USER as a login would set them; nothing for an unknown user."""
    entry = _find(user)
    if entry is None:
        return {}
    name = entry.pw_name
    return {"HOME": entry.pw_dir, "LOGNAME": name, "SHELL": entry.pw_shell, "USER": name}


def _user(launch: Launch) -> pwd.struct_passwd | None:
    """The wanted user; None for a number that nobody has."""
    wanted = str(os.geteuid()) if launch.user is None else launch.user
    entry = _find(wanted)
    if entry is None and not wanted.isdecimal():
        raise _refusal(launch, f"there is no user {wanted!r} on this machine")
    return entry


def _find(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except (KeyError, ValueError, OverflowError):
        return None


def _number(user: str | None) -> int:
    return os.geteuid() if user is None else int(user)


def _group(launch: Launch, wanted: str) -> int:
    if wanted.isdecimal():
        return int(wanted)
    try:
        return grp.getgrnam(wanted).gr_gid
    except (KeyError, ValueError) as exc:
        raise _refusal(launch, f"there is no group {wanted!r} on this machine") from exc


def _refusal(launch: Launch, why: str) -> DriverError:
    return DriverError(f"cannot start service {launch.service!r}: {why}", service=launch.service)
