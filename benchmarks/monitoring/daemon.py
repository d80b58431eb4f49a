"""What monitoring makes the daemon weigh: a whole suite, measured each second.

One service whose page has 1,000 series. The ring of the newest hour is full after an hour only,
which nobody waits for here: what it comes to is measured apart, and added.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil
from anyio import sleep

from benchmarks.monitoring.figure import Bar, Figure
from tests.harness import bench

BAR_MB = 250
WATCHED_S, QUICK_S = 180, 30
_LOOK_S = 5
_RING_S, _THIRD_S = 3_600, 1_200
_SUITE = """
suite: weighed
api: {port: auto}
services:
  pages: {command: "python3 pages.py", port: auto, healthcheck: {tcp: true, interval: 200ms}}
"""
_MONITORING = """
monitoring:
  metrics_collection:
    interval: 1
    scrape: {pages: {service: pages}}
  alerts: {rules: {Hot: {expr: "avg_over_time(load[5m]) > 1e9"}}}
"""
_PAGES = """
import http.server, itertools, os

count = itertools.count()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        at = next(count)
        lines = (f'load{{place="{p}"}} {(at * 7 + p) % 100}\\n' for p in range(1000))
        body = "".join(lines).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
_RING = """
import psutil
from benchmarks.monitoring.data import ticks
from intertie.monitor.ring import Ring
told, ring = ticks(180), Ring()
before = psutil.Process().memory_info().rss
for at in range({seconds}):
    ring.append(1_000_000 + at * 1_000, told[at % 180])
print((psutil.Process().memory_info().rss - before) / 1e6)
"""


@dataclass(frozen=True, slots=True)
class _Weight:
    """Megabytes at each look, and the share of a core over all."""

    rss: Sequence[float]
    cpu: float


async def figures(quick: bool) -> Sequence[Figure]:
    """See the module."""
    seconds = QUICK_S if quick else WATCHED_S
    with _daemon(_SUITE) as process:
        bare = await _weighed(process, _LOOK_S)
    with _daemon(_SUITE + _MONITORING) as process:
        found = await _weighed(process, seconds)
    full = _ring_mb(_RING_S) if not quick else _ring_mb(_THIRD_S) * _RING_S / _THIRD_S
    after = found.rss[-1] + full * (1 - seconds / _RING_S)
    return [
        Figure("daemon", f"MB after {seconds} s", [found.rss[-1]], Bar(BAR_MB),
               {"without monitoring": [bare.rss[-1]]}),
        Figure("daemon", "MB most", [max(found.rss)], Bar(BAR_MB)),
        Figure("daemon", "% of a core", [found.cpu], None, {"without monitoring": [bare.cpu]}),
        Figure("ring", "MB, an hour of 1,000 series each second", [full]),
        Figure("daemon", "MB once the ring is full, reckoned", [after], Bar(BAR_MB)),
    ]  # fmt: skip


@contextmanager
def _daemon(suite: str) -> Iterator[psutil.Process]:
    """Of a suite that is up."""
    with TemporaryDirectory() as folder, bench(Path(folder)) as made:
        made.write(suite)
        made.write(_PAGES, "pages.py")
        made.ok("up", "--detach")
        yield psutil.Process(made.daemon()["pid"])


async def _weighed(process: psutil.Process, seconds: int) -> _Weight:
    rss: list[float] = []
    shares: list[float] = []
    process.cpu_percent()
    for _ in range(seconds // _LOOK_S):
        await sleep(_LOOK_S)
        rss.append(process.memory_info().rss / 1e6)
        shares.append(process.cpu_percent())
    return _Weight(rss, median(shares))


def _ring_mb(seconds: int) -> float:
    """In a process of its own: what it holds of a ring so long."""
    words = [sys.executable, "-c", _RING.format(seconds=seconds)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
