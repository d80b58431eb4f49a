"""The process itself."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from intertie.errors import GatewayError
from intertie.gateway.cache.server import serve
from tests.bus.peers.server import free_port
from tests.gateway.cache.contenders import running


def config(folder: Path, **changes: object) -> Path:
    """The smallest."""
    told = {"listen": "127.0.0.1:0", "origin": "http://127.0.0.1:1", "routes": {"": {}}, **changes}
    path = folder / "config.json"
    path.write_text(json.dumps(told))
    return path


@pytest.mark.slow
def test_it_runs_by_itself_and_ends_when_told_to(tmp_path: Path) -> None:
    """With an origin that is not there: 502, and a clean end."""
    port = free_port()
    path = config(tmp_path, listen=f"127.0.0.1:{port}", behind_gateway=False)
    command = (sys.executable, "-m", "intertie.gateway.cache", str(path))
    with running(command, port, tmp_path) as process:
        answer = httpx.get(f"http://127.0.0.1:{port}/", timeout=60)
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)

    assert answer.status_code == 502
    assert answer.headers["cache-control"] == "no-store"
    assert code == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["none.json"]])
def test_what_it_cannot_do_is_told_in_a_line(tmp_path: Path, arguments: list[str]) -> None:
    """No traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "intertie.gateway.cache", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr
    assert "cannot read the cache's configuration" in done.stderr or "usage" in done.stderr


@pytest.mark.anyio
async def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    """With the address."""
    path = config(tmp_path, listen="unix:/nowhere/at/all.sock")

    with pytest.raises(GatewayError, match="cannot start the cache on unix:/nowhere"):
        await serve(path)
