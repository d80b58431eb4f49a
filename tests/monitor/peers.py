"""Programs that monitoring is tried against: Prometheus and its Alertmanager, each in a folder."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.monitor.channels.stage import nobody

Labels = tuple[tuple[str, str], ...]
"""Sorted by name."""
Vector = Mapping[Labels, float]

_NOTHING = "global: {scrape_interval: 1m}\n"


@dataclass
class Prometheus:
    """It may be stopped and started again; what it has stays in its folder."""

    folder: Path
    port: int = field(default_factory=nobody)
    config: str = _NOTHING

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self, *options: str) -> Iterator[None]:
        """Ready to be asked."""
        config = self.folder / "prometheus.yaml"
        config.write_text(self.config)
        own = [f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}"]
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        with _alive(["prometheus", *own, listen, *options], f"{self.url}/-/ready"):
            yield

    def query(self, expression: str, at_s: float) -> Vector:
        """The values of an instant."""
        data = self._ask("query", query=expression, time=f"{at_s:.3f}")
        return {_labels(each["metric"]): float(each["value"][1]) for each in data["result"]}

    def samples(self, selector: str, at_s: float) -> Mapping[Labels, Sequence[tuple[float, float]]]:
        """Times and values of the hour before, by labels; stale markers are not told."""
        data = self._ask("query", query=f"{selector}[1h]", time=f"{at_s:.3f}")
        return {
            _labels(each["metric"]): [(float(at), float(value)) for at, value in each["values"]]
            for each in data["result"]
        }

    def _ask(self, path: str, **fields: str) -> Any:  # JSON
        url = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(fields)}"
        return json.loads(_get(url))["data"]


@dataclass
class Alertmanager:
    """Alone: it talks to no other."""

    folder: Path
    config: str
    port: int = field(default_factory=nobody)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ready to be told of alerts."""
        config = self.folder / "alertmanager.yaml"
        config.write_text(self.config)
        options = [
            f"--config.file={config}",
            f"--storage.path={self.folder / 'notices'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
        ]
        url = f"http://127.0.0.1:{self.port}/-/ready"
        with _alive(["prometheus-alertmanager", *options], url):
            yield


@contextmanager
def _alive(command: Sequence[str], ready: str) -> Iterator[None]:
    """The program runs, and answers at that address."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            _until_ready(process, ready)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _until_ready(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline_s = time.monotonic() + 60
    while True:
        try:
            _get(url)
        except OSError:
            assert process.poll() is None, f"{process.args!r} has ended"
            assert time.monotonic() < deadline_s, f"{process.args!r} is not ready"
            time.sleep(0.05)
        else:
            return


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 — of this machine
        found: bytes = answer.read()
        return found


def _labels(metric: Mapping[str, str]) -> Labels:
    return tuple(sorted(metric.items()))
