"""Where each sidecar listens: ports that stay the same for as long as the suite exists."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

from intertie.gateway.mesh.policy import Member
from intertie.plan import Endpoint
from intertie.runtime.ports import Ports, is_free

LOOPBACK = "127.0.0.1"
_FILE = "ports.json"


class _Taken(TypedDict):
    inbound: int
    names: int
    egress: dict[str, int]


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports of one sidecar, all on the loopback address."""

    inbound: int
    """For other sidecars, mutual TLS; not used by who is not called."""
    names: int
    """For its service: everybody it may call, by `http://<service>.mesh`."""
    egress: Mapping[str, int] = field(default_factory=dict[str, int])
    """For its service: one port for each service it may call."""


class Layout:
    """Ports handed out to sidecars, and kept in `folder`."""

    def __init__(self, folder: Path, ports: Ports, doors: dict[str, Doors]) -> None:
        self._file = folder / _FILE
        self._ports = ports
        self._doors = doors

    @classmethod
    def open(cls, folder: Path, ports: Ports, *, running: Collection[str] = ()) -> "Layout":
        """As it was kept. Of sidecars that do not run, ports that others took are not used again.

        `running` are the members whose sidecars an earlier daemon left.
        """
        kept = _read(folder / _FILE)
        doors = {
            name: each
            for name, each in kept.items()
            if name in running or all(map(is_free, _numbers(each)))
        }
        for each in doors.values():
            for port in _numbers(each):
                ports.claim(port)
        return cls(folder, ports, doors)

    def arrange(self, members: Mapping[str, Member]) -> Mapping[str, Doors]:
        """Ports for these members, by name; who was there before, at any time, has its own again.

        Raises DriverError when there are none left.
        """
        known = self._doors | {name: self._doors_of(member) for name, member in members.items()}
        if known != self._doors:
            self._doors = known
            self._keep()
        return {
            name: replace(known[name], egress={t: known[name].egress[t] for t in member.targets})
            for name, member in members.items()
        }

    def _doors_of(self, member: Member) -> Doors:
        before = self._doors.get(member.name)
        if before is None:
            before = Doors(self._take(member), self._take(member))
        new = {t: self._take(member) for t in member.targets if t not in before.egress}
        return replace(before, egress={**before.egress, **new})

    def _take(self, member: Member) -> int:
        return self._ports.take(member.name)

    def _keep(self) -> None:
        taken = {
            name: _Taken(inbound=each.inbound, names=each.names, egress=dict(each.egress))
            for name, each in self._doors.items()
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(taken, indent=1, sort_keys=True))
        part.replace(self._file)


def inbound(doors: Doors) -> Endpoint:
    """Where other sidecars find this one."""
    return Endpoint(LOOPBACK, doors.inbound)


def _numbers(doors: Doors) -> Iterator[int]:
    yield doors.inbound
    yield doors.names
    yield from doors.egress.values()


def _read(file: Path) -> dict[str, Doors]:
    """Nothing, when it is damaged: new ports do no more harm than new addresses do."""
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        taken: dict[str, _Taken] = json.loads(file.read_text())
        return {
            name: Doors(int(each["inbound"]), int(each["names"]), dict(each["egress"]))
            for name, each in taken.items()
        }
    return {}
