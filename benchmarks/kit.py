"""What the service kit costs a request: a Starlette "hello" under uvicorn, bare and wrapped.

The service has one core for itself; wrk and the collector of the traces share the other one. wrk
can make several times as many requests, so it is not what is measured.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from time import monotonic, sleep

import psutil
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.table import Measures, interleave, report

ROUNDS = 9
SECONDS = 2
CONNECTIONS = 32
SERVICE_CORE, REST_CORE = "0", "1"
BARE = "bare"
_START_S = 20.0


async def hello(_: Request) -> PlainTextResponse:
    """The whole service."""
    return PlainTextResponse("hello")


def main() -> None:
    """Run and print."""
    with ExitStack() as stack:
        sink = stack.enter_context(_running("sink", {}, core=REST_CORE))
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink[1]}"}
        variants: dict[str, tuple[str, Mapping[str, str]]] = {
            BARE: ("bare", {}),
            "kit": ("kit", {}),
            "kit, 0.1 exported": ("kit", traced),
            "kit, all exported": ("kit", {**traced, "INTERTIE_TRACE_SAMPLE": "1"}),
            "kit, access log": ("logged", {}),
        }
        contenders: dict[str, Callable[[], Measures]] = {}
        for name, (kind, environ) in variants.items():
            service = stack.enter_context(_running(kind, environ, core=SERVICE_CORE))
            contenders[name] = partial(_load, *service)
        for run in contenders.values():
            run()  # nobody is measured cold
        report("kit", interleave(contenders, ROUNDS), baseline=BARE)


def _load(process: psutil.Process, port: int) -> Measures:
    began = sum(process.cpu_times()[:2])
    flags = ("-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s")
    command = ("taskset", "--cpu-list", REST_CORE, "wrk", *flags, f"http://127.0.0.1:{port}/")
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"cannot measure: not every answer was a good one\n{text}")
    requests = _number(r"(\d+) requests in", text)
    return {
        "requests_per_s": _number(r"Requests/sec:\s+([\d.]+)", text),
        "cpu_us": (sum(process.cpu_times()[:2]) - began) / requests * 1e6,
    }


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"cannot measure: wrk says something else\n{text}")
    return float(match[1])


@contextmanager
def _running(
    kind: str, environ: Mapping[str, str], *, core: str
) -> Iterator[tuple[psutil.Process, int]]:
    """A child on one core, once it listens; ended afterwards."""
    port = _free_port()
    command = ("taskset", "--cpu-list", core, sys.executable, "-m", "benchmarks.kit", kind)
    child = subprocess.Popen(
        command,
        env={**os.environ, **environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = monotonic() + _START_S
        while not _listens(port):
            if child.poll() is not None or monotonic() > deadline:
                raise RuntimeError(f"cannot measure: {kind} did not start")
            sleep(0.01)
        yield psutil.Process(child.pid), port
    finally:
        child.terminate()
        child.wait(_START_S)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _child(kind: str) -> None:
    """One contender, or the collector."""
    import uvicorn  # noqa: PLC0415 - only children need it

    from intertie.service import Service  # noqa: PLC0415

    app = Starlette(routes=[Route("/", hello), Route("/v1/traces", hello, methods=["POST"])])
    if kind in {"bare", "sink"}:
        uvicorn.run(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False)
        return
    service = Service("hello", access_log=kind == "logged")
    service.run(service.wrap(app))


if __name__ == "__main__":
    if sys.argv[1:]:
        _child(sys.argv[1])
    else:
        main()
