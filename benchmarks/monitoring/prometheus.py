"""Prometheus as a rival: samples by remote write, queries over HTTP."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from time import monotonic, perf_counter, sleep

import httpx

from benchmarks.monitoring.data import SERIES
from benchmarks.monitoring.data import Tick as Samples
from intertie.monitor.remote_wire import HEADERS, Tick, write_request

_P95 = 'quantile_over_time(0.95, {__name__=~"kind_.*"}[1h])'
_BATCH = 20
"""Ticks in a request."""
_OPTIONS = ("--web.enable-remote-write-receiver", "--log.level=error")


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs."""

    client: httpx.Client
    folder: Path

    def take(self, moments: Sequence[int], told: Sequence[Samples]) -> float:
        """Seconds it takes to accept them; making the requests is not counted."""
        found = [Tick(*each) for each in zip(moments, told, strict=True)]
        bodies = [write_request(found[at : at + _BATCH]) for at in range(0, len(found), _BATCH)]
        began = perf_counter()
        for body in bodies:
            self.client.post("/api/v1/write", content=body, headers=HEADERS).raise_for_status()
        return perf_counter() - began

    def percentile(self, at_ms: int) -> float:
        """Milliseconds for the p95 of the hour up to then, of each series."""
        began = perf_counter()
        answer = self.client.get("/api/v1/query", params={"query": _P95, "time": at_ms / 1_000})
        took = (perf_counter() - began) * 1e3
        if len(answer.raise_for_status().json()["data"]["result"]) != SERIES:
            raise SystemExit("Prometheus answers for other series")
        return took

    def size_bytes(self) -> int:
        """Of all that it keeps."""
        return sum(each.stat().st_size for each in self.folder.rglob("*") if each.is_file())


@contextmanager
def running(folder: Path) -> Iterator[Prometheus | None]:
    """None where the program is not installed."""
    program = shutil.which("prometheus")
    if program is None:
        yield None
        return
    data, config = folder / "prometheus", folder / "prometheus.yml"
    config.write_text("global: {}\n")
    address = f"127.0.0.1:{_free_port()}"
    where = (f"--config.file={config}", f"--storage.tsdb.path={data}")
    listen = f"--web.listen-address={address}"
    with (
        subprocess.Popen([program, *where, listen, *_OPTIONS]) as process,
        httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=60) as client,
    ):
        try:
            _ready(client)
            yield Prometheus(client, data)
        finally:
            process.terminate()


def _ready(client: httpx.Client) -> None:
    deadline = monotonic() + 30
    while True:
        try:
            if client.get("/-/ready").is_success:
                return
        except httpx.TransportError:
            pass
        if monotonic() > deadline:
            raise SystemExit("Prometheus does not start")
        sleep(0.05)


def _free_port() -> int:
    with socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port
