"""The management API on a server of one's own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.bus.peers.server import free_port
from tests.harness import Bench

pytestmark = pytest.mark.slow

SUITE = """
suite: x
api: {port: auto}
services: {a: {command: sleep 1000}}
"""


@contextmanager
def uvicorn(bench: Bench, port: int) -> Iterator["subprocess.Popen[str]"]:
    """`uvicorn intertie.app:app` in the folder of the suite."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INTERTIE")}
    argv = [sys.executable, "-m", "uvicorn", "intertie.app:app", "--port", str(port)]
    with subprocess.Popen(
        argv, cwd=bench.folder, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)


def test_a_server_of_one_s_own_runs_the_suite(bench: Bench) -> None:
    """Services start when told, and end with the server."""
    bench.write(SUITE)
    port = free_port()
    with uvicorn(bench, port) as server:
        assert server.stderr is not None
        for line in server.stderr:
            if "running on" in line:
                break
        key = (bench.state / "run" / "api.token").read_text()
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
        ) as client:
            assert client.get("/api/health/live").status_code == 200
            assert client.post("/api/services/start", json={"services": ["a"]}).status_code == 401
            headers = {"authorization": f"Bearer {key}"}
            answer = client.post("/api/services/start", json={"services": ["a"]}, headers=headers)
            assert answer.status_code == 202
    assert bench.processes() == []


def test_what_is_wrong_is_told_at_the_start(bench: Bench) -> None:
    """And the server does not pretend to serve."""
    bench.write("suite: x\nservices: {a: {command: sleep 1, portt: 1}}\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
    with uvicorn(bench, free_port()) as server:
        assert server.stderr is not None
        told = server.stderr.read()

    assert "did you mean `port`?" in told
    assert "Traceback" not in told
