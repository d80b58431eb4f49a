"""Programs that run by the kit: their start, their signals, their end."""

import signal
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group, to_thread

from tests.service.child import child
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

APP = """
import os
import anyio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from intertie.service import Service

service = Service()

async def slow(request):
    print('{"event": "slow began"}', flush=True)
    await anyio.sleep(float(request.query_params["s"]))
    return PlainTextResponse("done")

async def held(request):
    print('{"event": "held"}', flush=True)
    while not os.path.exists("go"):
        await anyio.sleep(0.01)
    return PlainTextResponse("done")

app = service.wrap(Starlette(routes=[Route("/slow", slow), Route("/held", held)]))

if __name__ == "__main__":
    service.run(app)
"""
UVICORN = ("-m", "uvicorn", "program:app", "--port", "$PORT", "--log-level", "warning")


def ask(port: int, seconds: float) -> str:
    """A request that takes so long."""
    return get(port, f"/slow?s={seconds}")


def get(port: int, path: str) -> str:
    """An answer, which may take its time."""
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60, trust_env=False).text


@pytest.mark.parametrize(("command", "code"), [(("program.py",), 0), (UVICORN, -signal.SIGTERM)])
async def test_a_request_under_way_is_finished(
    tmp_path: Path, command: tuple[str, ...], code: int
) -> None:
    """After SIGTERM, by `run` and by uvicorn itself, which ends by the signal it got."""
    with child(tmp_path, APP, command=command) as program:
        await program.until_ready()
        answers: list[str] = []

        async def one() -> None:
            answers.append(await to_thread.run_sync(ask, program.port, 1))

        async with create_task_group() as group:
            group.start_soon(one)
            await eventually(lambda: program.says("slow began"))
            program.process.send_signal(signal.SIGTERM)

        assert answers == ["done"]
        assert program.process.wait(30) == code


async def test_readiness_ends_at_once(tmp_path: Path) -> None:
    """While a request is under way, others are still answered, and told that it is not ready."""
    with child(tmp_path, APP, env={"INTERTIE_STOP_GRACE": "60"}) as program:
        await program.until_ready()
        async with create_task_group() as group:
            group.start_soon(to_thread.run_sync, get, program.port, "/held")
            await eventually(lambda: program.says("held"))
            program.process.send_signal(signal.SIGTERM)

            await eventually(lambda: program.status("/health/ready") == 503)

            assert program.status("/health/live") == 200
            (tmp_path / "go").touch()
        assert program.process.wait(30) == 0


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Whatever is under way."""
    with child(tmp_path, APP) as program:
        await program.until_ready()
        async with create_task_group() as group:

            async def one() -> None:
                with pytest.raises(httpx.HTTPError):
                    await to_thread.run_sync(ask, program.port, 30)

            group.start_soon(one)
            await eventually(lambda: program.says("slow began"))
            program.process.send_signal(signal.SIGTERM)
            await eventually(lambda: program.says("stopping"))

            assert program.stop() == -signal.SIGTERM


async def test_what_takes_too_long_is_cut_off(tmp_path: Path) -> None:
    """A second before the supervisor would kill it; the exit code is still 0."""
    with child(tmp_path, APP, env={"INTERTIE_STOP_GRACE": "1.5"}) as program:
        await program.until_ready()
        answers: list[str] = []
        async with create_task_group() as group:

            async def one() -> None:
                with suppress(httpx.HTTPError):
                    answers.append(await to_thread.run_sync(ask, program.port, 30))

            group.start_soon(one)
            await eventually(lambda: program.says("slow began"))

            assert program.stop() == 0
        assert program.says("stop cut short")
        assert answers in ([], ["Internal Server Error"])


async def test_the_supervisor_is_told_when_it_listens_and_stops(tmp_path: Path) -> None:
    """By READY=1 and STOPPING=1; nobody is sent to a port that is not open yet."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.settimeout(60)
        with child(tmp_path, APP, env={"NOTIFY_SOCKET": path}) as program:
            assert await to_thread.run_sync(receiver.recv, 100) == b"READY=1"
            assert program.status("/health/live") == 200
            assert program.stop() == 0
            assert receiver.recv(100) == b"STOPPING=1"


async def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """Without a traceback, and with exit code 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with child(tmp_path, APP, env={"PORT": port}) as program:
            assert await to_thread.run_sync(program.process.wait, 60) == 1

        (line,) = program.lines
        assert f"cannot listen on 127.0.0.1:{port}" in line["error"]


async def test_an_uncaught_error_is_logged_with_its_trace(tmp_path: Path) -> None:
    """So that the line is found from the caller's side."""
    with child(tmp_path, APP) as program:
        await program.until_ready()
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        url = f"http://127.0.0.1:{program.port}/slow?s=never"
        get = partial(httpx.get, url, headers={"traceparent": parent}, trust_env=False)
        await to_thread.run_sync(get)
        assert program.stop() == 0

    (line,) = [each for each in program.lines if each.get("level") == "error"]
    assert line["trace_id"] == parent[3:35]
    assert "ValueError" in line["exception"]


WORKER = """
import sys
import anyio
from intertie.service import Service

service = Service()

@service.worker
async def work():
    print('{"event": "working"}', flush=True)
    if "fail" in sys.argv:
        raise ValueError("broken")
    if "job" not in sys.argv:
        await service.stopping.wait()
        print('{"event": "finished"}', flush=True)

service.run()
"""


async def test_a_worker_without_http_has_health_and_metrics(tmp_path: Path) -> None:
    """On its port, and ends in order."""
    with child(tmp_path, WORKER) as program:
        await program.until_ready()
        assert program.status("/metrics") == 200
        assert program.status("/") == 404
        assert program.stop() == 0
        assert program.says("finished")


async def test_a_worker_needs_no_port(tmp_path: Path) -> None:
    """It runs, and stops, without one."""
    with child(tmp_path, WORKER, env={"PORT": ""}) as program:
        await eventually(lambda: program.says("working"), 60)
        assert program.stop() == 0
        assert program.says("finished")


@pytest.mark.parametrize(("mode", "code"), [("job", 0), ("fail", 1)])
async def test_a_worker_that_ends_ends_the_program(tmp_path: Path, mode: str, code: int) -> None:
    """With exit code 1 and the reason in the log when it failed."""
    with child(tmp_path, WORKER, command=("program.py", mode)) as program:
        assert await to_thread.run_sync(program.process.wait, 60) == code
    assert program.says("worker failed") == (mode == "fail")
