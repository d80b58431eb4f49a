"""An hour of crashes: does the daemon grow, does it miss a restart?

Every 5 s a random service is killed with SIGKILL, every minute a child of one. Each restart is
timed by the daemon's events. At the end the slopes of memory and descriptors are fitted by least
squares; the run fails when a restart was missed or the daemon grows.
"""

import argparse
import csv
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

SERVICES = 30
CRASH_EVERY_S = 5.0
CHILD_EVERY = 12
"""Crashes of a child among the crashes."""
WARM_UP = 0.15
"""Of the time: what the daemon grows by at first (caches) is left out of the slopes."""
MOST_KB_AN_HOUR = 2_048
MOST_FDS_AN_HOUR = 2.0
RESTART_S = 10.0
RESULTS = Path(__file__).parent / "results" / "soak.csv"
_SCRIPT = "sleep 100000 & echo ready; while true; do wait; sleep 100000 & done"


@dataclass(frozen=True, slots=True)
class Sample:
    """The daemon at one moment."""

    at_s: float
    rss_kb: int
    pss_kb: int
    fds: int
    threads: int


def main() -> None:
    """Run it; the exit code says whether it held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _suite(Path(folder)) as daemon:
        samples, took_s, missed = _soak(daemon, chosen.minutes * 60, random.Random(chosen.seed))  # noqa: S311
    _save(samples)
    sys.exit(_report(samples, took_s, missed))


@dataclass(frozen=True, slots=True)
class _Daemon:
    pid: int
    url: str
    key: str

    def services(self) -> dict[str, tuple[int | None, int]]:
        """Pid and restarts, by name."""
        headers = {"authorization": f"Bearer {self.key}"}
        url = f"{self.url}/api/services?limit=1000"
        items = httpx.get(url, headers=headers, trust_env=False, timeout=30).json()["items"]
        first = ((each["name"], each["replicas"][0]) for each in items)
        return {name: (replica["pid"], replica["restarts"]) for name, replica in first}


@contextmanager
def _suite(folder: Path) -> Iterator[_Daemon]:
    probe = "healthcheck: {test: ['true'], interval: 2s}"
    lines = ["suite: soak", "api: {port: auto}", "services:"]
    for number in range(SERVICES):
        extra = f", {probe}" if number % 3 == 0 else ""
        command = json.dumps(["sh", "-c", _SCRIPT])
        lines.append(f"  s{number}: {{command: {command}, restart: {{policy: always, delay: 10ms}}")
        lines[-1] += f", ready_log_line: ready{extra}}}"
    (folder / "suite.yaml").write_text("\n".join(lines) + "\n")
    _intertie(folder, "up", "--detach")
    try:
        told = json.loads((folder / ".intertie/run/daemon.json").read_text())
        key = (folder / ".intertie/run/api.token").read_text()
        yield _Daemon(told["pid"], told["api_url"], key)
    finally:
        _intertie(folder, "down")


def _intertie(folder: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "intertie", *arguments]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _soak(
    daemon: _Daemon, seconds: float, rng: random.Random
) -> tuple[list[Sample], list[float], int]:
    process = psutil.Process(daemon.pid)
    began = time.monotonic()
    samples, took_s, missed, count = [_sample(process, began)], list[float](), 0, 0
    while (now := time.monotonic()) - began < seconds:
        count += 1
        if count % CHILD_EVERY == 0:
            _kill_child(daemon, rng)
        else:
            waited_s = _crash(daemon, rng)
            missed += waited_s is None
            took_s += [] if waited_s is None else [waited_s]
        samples.append(_sample(process, began))
        if count % 60 == 0:
            print(f"{samples[-1]} restarts={len(took_s)} missed={missed}", flush=True)
        time.sleep(max(0.0, CRASH_EVERY_S - (time.monotonic() - now)))
    return samples, took_s, missed


def _crash(daemon: _Daemon, rng: random.Random) -> float | None:
    """Seconds until the service runs with another process; None when it does not come back."""
    before = daemon.services()
    name, pid = rng.choice([(name, pid) for name, (pid, _) in before.items() if pid is not None])
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while time.monotonic() - began < RESTART_S:
        now = daemon.services()[name][0]
        if now not in {None, pid}:
            return time.monotonic() - began
        time.sleep(0.002)
    return None


def _kill_child(daemon: _Daemon, rng: random.Random) -> None:
    pids = [pid for pid, _ in daemon.services().values() if pid is not None]
    with suppress(psutil.Error, IndexError):
        rng.choice(psutil.Process(rng.choice(pids)).children()).kill()


def _sample(process: psutil.Process, began: float) -> Sample:
    memory = process.memory_full_info()
    return Sample(
        at_s=time.monotonic() - began,
        rss_kb=memory.rss // 1024,
        pss_kb=memory.pss // 1024,
        fds=process.num_fds(),
        threads=process.num_threads(),
    )


def _save(samples: Sequence[Sample]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(Sample.__slots__)
        rows.writerows([getattr(each, name) for name in Sample.__slots__] for each in samples)


def _report(samples: Sequence[Sample], took_s: Sequence[float], missed: int) -> int:
    settled = [each for each in samples if each.at_s >= WARM_UP * samples[-1].at_s]
    kb = _slope_an_hour(settled, [each.pss_kb for each in settled])
    fds = _slope_an_hour(settled, [each.fds for each in settled])
    cuts = statistics.quantiles(took_s, n=100) if len(took_s) > 1 else [0.0] * 99
    print(f"{len(took_s)} restarts, {missed} missed; median {1000 * cuts[49]:.0f} ms,")
    print(f"p99 {1000 * cuts[98]:.0f} ms, as seen by a client that asks and asks")
    print(f"PSS {samples[0].pss_kb} → {samples[-1].pss_kb} KB, {kb:+.0f} KB an hour")
    print(f"descriptors {samples[0].fds} → {samples[-1].fds}, {fds:+.1f} an hour")
    print(f"threads {samples[0].threads} → {samples[-1].threads}")
    return int(missed > 0 or kb > MOST_KB_AN_HOUR or fds > MOST_FDS_AN_HOUR)


def _slope_an_hour(samples: Sequence[Sample], values: Sequence[float]) -> float:
    return 3600 * statistics.linear_regression([each.at_s for each in samples], values).slope


if __name__ == "__main__":
    main()
