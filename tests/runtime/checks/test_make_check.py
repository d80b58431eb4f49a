import os
from pathlib import Path
from typing import Any

import pytest

from intertie.drivers import Launch
from intertie.drivers.process import ProcessDriver
from intertie.runtime.checks import Check, make_check
from intertie.runtime.checks.notify import NotifySocket
from intertie.suite.health import Probe
from tests.runtime.checks.peer import answering

pytestmark = pytest.mark.anyio


def check(folder: Path, port: int | None = None, *, wants: dict[str, Any], **keys: Any) -> Check:
    """What the declaration makes of it."""
    env = {"PATH": os.environ["PATH"]}
    launch = Launch("api", 0, ("x",), env, folder, folder / "out", folder / "err", 15, 10.0)
    driver = ProcessDriver(f"checks{folder}")
    return make_check(Probe.model_validate(wants), port=port, driver=driver, launch=launch, **keys)


@pytest.mark.parametrize(
    ("wants", "reason"),
    [
        ({"http": {"path": "/", "status": 200}}, None),
        ({"http": "/x"}, None),
        ({"tcp": True}, None),
        ({"grpc": True}, "gRPC on port {port}: the answer is not HTTP/2"),
        ({"grpc": "mail"}, "gRPC on port {port}: the answer is not HTTP/2"),
        ({"broker": "redis"}, "redis on port {port}: answered PING with 'HTTP/1.1 200 OK'"),
    ],
)
async def test_a_check_of_the_network_asks_the_port(
    tmp_path: Path, wants: dict[str, Any], reason: str | None
) -> None:
    """Each in its own language."""
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") as peer:
        told = await check(tmp_path, peer.port, wants=wants)()

        assert told == (reason and reason.format(port=peer.port))


async def test_other_checks_need_no_port(tmp_path: Path) -> None:
    """A command and a file."""
    (tmp_path / "up").touch()

    assert await check(tmp_path, wants={"test": ["true"]})() is None
    assert await check(tmp_path, wants={"file": "up"})() is None
    assert await check(tmp_path, wants={"file": {"path": "up", "max_age": "1h"}})() is None
    assert "no such file" in str(await check(tmp_path, wants={"file": "down"})())


async def test_notify_asks_for_readiness_or_for_the_watchdog(tmp_path: Path) -> None:
    """Which of both is the caller's choice."""
    wants = {"notify": True, "timeout": "5s"}
    with NotifySocket(tmp_path / "n") as notify:
        notify.listen(os.getpid())
        ready = check(tmp_path, wants=wants, notify=notify)
        alive = check(tmp_path, wants=wants, notify=notify, liveness=True)

        assert [await ready(), await alive()] == ["has not sent READY=1", None]


@pytest.mark.parametrize("wants", [{"http": "/"}, {"tcp": True}, {"grpc": True}, {"notify": True}])
async def test_what_a_check_needs_must_be_there(tmp_path: Path, wants: dict[str, Any]) -> None:
    """A port, or a socket; the suite's rules see to that."""
    with pytest.raises(ValueError, match="needs a"):
        check(tmp_path, wants=wants)
