"""Ports of sidecars: apart from each other, and the same tomorrow."""

import socket
from pathlib import Path

import pytest

from intertie.gateway.mesh.layout import Doors, Layout, inbound
from intertie.gateway.mesh.policy import members
from intertie.plan import Endpoint
from intertie.runtime.ports import Ports
from intertie.suite.mesh import Mesh
from tests.gateway.mesh.stage import suite_of

SHOP = members(suite_of({"web": {"depends_on": ["api", "db"]}, "api": {}, "db": {}}), Mesh())


def all_of(doors: Doors) -> list[int]:
    """Its ports."""
    return [doors.inbound, doors.names, *doors.egress.values()]


def test_every_door_has_a_port_of_its_own(tmp_path: Path) -> None:
    """One for calls, one for names, and one for each service it may call."""
    found = Layout.open(tmp_path, Ports()).arrange(SHOP)

    taken = [port for doors in found.values() for port in all_of(doors)]
    assert len(set(taken)) == len(taken) == 8
    assert set(found["web"].egress) == {"api", "db"}
    assert inbound(found["web"]) == Endpoint("127.0.0.1", found["web"].inbound)


def test_ports_stay(tmp_path: Path) -> None:
    """Over a daemon's life, also when others come and go: services know them by their numbers."""
    layout = Layout.open(tmp_path, Ports())
    first = layout.arrange(SHOP)
    more = members(suite_of({"web": {"depends_on": ["api"]}, "api": {}, "new": {}}), Mesh())

    after = layout.arrange(more)
    later = Layout.open(tmp_path, Ports()).arrange(more)
    again = layout.arrange(SHOP)

    assert after["api"] == first["api"]
    assert after["web"].egress == {"api": first["web"].egress["api"]}
    assert later == after
    assert again == first


def test_a_port_that_was_taken_meanwhile_is_not_used_again(tmp_path: Path) -> None:
    """Unless the sidecar itself, left by an earlier daemon, is who listens there."""
    first = Layout.open(tmp_path, Ports()).arrange(SHOP)

    with socket.create_server(("127.0.0.1", first["api"].inbound)):
        moved = Layout.open(tmp_path, Ports()).arrange(SHOP)
        kept = Layout.open(tmp_path, Ports(), running={"api"})

    assert moved["api"].inbound != first["api"].inbound
    assert moved["web"] == first["web"]
    assert kept.arrange(SHOP)["api"] == moved["api"]


def test_nobody_else_is_given_a_kept_port(tmp_path: Path) -> None:
    """What hands out ports is told of those in use."""
    doors = Layout.open(tmp_path, Ports()).arrange(SHOP)["api"]
    ports = Counting()

    Layout.open(tmp_path, ports)

    assert set(all_of(doors)) <= ports.claimed


class Counting(Ports):
    """Remembers what was claimed."""

    def __init__(self) -> None:
        super().__init__()
        self.claimed = set[int]()

    def claim(self, port: int) -> None:
        """See Ports."""
        self.claimed.add(port)
        super().claim(port)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"web": {}}', '{"web": {"inbound": "x"}}'])
def test_a_damaged_file_is_made_anew(tmp_path: Path, text: str) -> None:
    """New ports do no harm."""
    (tmp_path / "ports.json").write_text(text)

    assert set(Layout.open(tmp_path, Ports()).arrange(SHOP)) == {"web", "api", "db"}
