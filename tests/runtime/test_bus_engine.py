"""The embedded bus as an ordinary service."""

import socket
import stat
from pathlib import Path
from subprocess import DEVNULL

import pytest
from anyio import open_process

from intertie.runtime.bus_engine import BusEngine, valkey_program
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.server import free_port
from tests.waiting import eventually


def test_its_password_is_made_once_and_private(tmp_path: Path) -> None:
    """In a file that only we can read, and not in the command that everybody can."""
    engine = BusEngine(tmp_path / "bus")
    service = engine.service(7001)
    address = engine.address(QueueConfig(exchange="media-events"), 7001)

    assert address.password is not None
    assert len(address.password) >= 24
    assert BusEngine(tmp_path / "bus").address(QueueConfig(), 7001).password == address.password
    assert address.password not in " ".join(service.command)
    for file in (tmp_path / "bus" / "valkey.conf", tmp_path / "bus" / "password"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "bus").stat().st_mode) == 0o700


def test_clients_find_it_on_this_machine_only(tmp_path: Path) -> None:
    """Whatever else the suite says of its bus stays so."""
    engine = BusEngine(tmp_path / "bus")
    engine.service(7001)
    address = engine.address(QueueConfig(exchange="media-events", max_tries=9), 7001)

    assert (address.queue_type, *address.address) == (QueueType.REDIS, "127.0.0.1", 7001)
    assert (address.exchange, address.max_tries) == ("media-events", 9)
    assert "bind 127.0.0.1" in (tmp_path / "bus" / "valkey.conf").read_text()


def test_it_remembers_its_port(tmp_path: Path) -> None:
    """Services that outlive a daemon know it by that."""
    engine = BusEngine(tmp_path / "bus")

    assert engine.last_port is None
    engine.service(7001)
    assert BusEngine(tmp_path / "bus").last_port == 7001


def test_its_program_is_in_the_wheel() -> None:
    """Nothing needs to be installed by hand."""
    assert valkey_program().name == "valkey-server"


@pytest.mark.slow
@pytest.mark.anyio
async def test_its_folder_may_have_any_name(tmp_path: Path) -> None:
    """Spaces and quotes are usual, and what it keeps is there."""
    folder = tmp_path / "my 'suite' \"x\""
    port = free_port()
    service = BusEngine(folder).service(port)
    async with await open_process(
        list(service.command), cwd=service.working_dir, stdout=DEVNULL
    ) as process:
        try:
            await eventually((folder / "appendonlydir").is_dir)
            await eventually(lambda: _accepts(port))
        finally:
            process.kill()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
