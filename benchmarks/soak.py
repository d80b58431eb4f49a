"""An hour of crashes: does every service come back, and does the daemon stay as it is?

Each 5 s one service chosen at random is killed, each 60 s the child of one. Written down after
each crash: the daemon's memory, files, threads. Exit code 1 when a restart was missed, a child
was left behind, or something grows.
"""

import argparse
import csv
import json
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import fmean, median

from benchmarks.orchestrator import processes
from benchmarks.orchestrator.fleet import Stamp, flat
from benchmarks.orchestrator.report import percentile
from benchmarks.orchestrator.rivals.intertie import Intertie
from benchmarks.orchestrator.session import Failed, Session, kill, running, until

RESULTS = Path(__file__).parent / "results"

_SERVICES = 50
_CRASH_EACH_S = 5.0
_CHILD_EACH_S = 60.0
_MISSED_S = 45.0
"""No restart after this is a missed one; the longest wait between attempts is 30 s."""
_FORGOTTEN_S = 300.0
"""A service that did not crash for so long is restarted at once, without a wait."""
_WARM_UP = 1 / 3
_BLOCKS = 12
"""Samples side by side are not independent, so means of blocks of them are what is fitted."""
_T_95 = 2.228
"""Student's t of 95 %, two-sided, for the 10 degrees of freedom of 12 blocks."""
_ALLOWED_AN_HOUR = {"rss_mb": 1.0, "pss_mb": 1.0, "fds": 1.0, "threads": 1.0}
"""Growth below this is none: a page here, a pooled connection there."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The daemon after one crash."""

    at_s: float
    service: str
    first: bool
    """The service had not crashed lately, so nothing made its restart wait."""
    restart_ms: float
    rss_mb: float
    pss_mb: float
    fds: int
    threads: int
    state_mb: float
    """All files of the state folder."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth an hour, with its 95 % confidence interval."""

    an_hour: float
    low: float
    high: float

    def grows(self, allowed: float) -> bool:
        """Whether there is growth beyond what is allowed, beyond doubt."""
        return self.low > 0 and self.an_hour > allowed


@dataclass(slots=True)
class Soak:
    """What was seen."""

    samples: list[Sample] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    children_killed: int = 0
    left: int = 0
    """Payload processes above those that should be there at the end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Crash, write down, judge; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes: float = parser.parse_args(argv).minutes
    ours = Intertie()
    ours.install()
    with running(ours, flat(_SERVICES, "--grandchild", "group")) as session:
        session.wait_for(_SERVICES, "child")
        soak = _soak(session, minutes * 60)
    _keep(soak.samples)
    summary, failures = _judge(soak, minutes)
    (RESULTS / "soak.json").write_text(json.dumps(summary, indent=1) + "\n")
    sys.stdout.write(json.dumps(summary, indent=1) + "\n")
    for failure in failures:
        sys.stderr.write(f"failed: {failure}\n")
    return 1 if failures else 0


def _soak(session: Session, seconds: float) -> Soak:
    soak, daemon = Soak(), session.daemon()
    began = time.monotonic()
    next_child = began + _CHILD_EACH_S
    crashed: dict[str, float] = {}
    for moment in _each(_CRASH_EACH_S, began, seconds):
        service = random.choice(session.fleet.tasks).name  # noqa: S311 - no secret
        first = moment - crashed.get(service, -_FORGOTTEN_S) >= _FORGOTTEN_S
        crashed[service] = moment
        try:
            restart_ms = _crash(session, service)
        except Failed as exc:
            soak.missed.append(f"{service} at {moment - began:.0f} s: {exc}")
            continue
        soak.samples.append(_sample(session, daemon, moment - began, (service, first, restart_ms)))
        if moment >= next_child:
            next_child += _CHILD_EACH_S
            _kill_child(session)
            soak.children_killed += 1
    time.sleep(_CRASH_EACH_S)
    # Children killed alone are not brought back: only their services are ours.
    expected = _SERVICES + len(_living_children(session))
    soak.left = len(processes.payloads(session.fleet)) - expected
    return soak


def _each(every_s: float, began: float, seconds: float) -> Iterator[float]:
    """Moments, in step with the clock however long what is done between them takes."""
    moment = began
    while (moment := max(moment + every_s, time.monotonic())) - began <= seconds:
        time.sleep(max(0.0, moment - time.monotonic()))
        yield moment


def _crash(session: Session, service: str) -> float:
    """Milliseconds from the kill until the new process says that it started. Raises Failed."""
    pid = _last(session.fleet.stamps(), service).pid
    at = kill(pid)
    until(
        lambda: _last(session.fleet.stamps(), service).pid != pid,
        f"restart of {service}",
        _MISSED_S,
    )
    return (_last(session.fleet.stamps(), service).at_ns - at) / 1e6


def _last(stamps: Sequence[Stamp], service: str) -> Stamp:
    return next(stamp for stamp in reversed(stamps) if stamp.task == service)


def _kill_child(session: Session) -> None:
    living = _living_children(session)
    if living:
        kill(random.choice(living))  # noqa: S311 - no secret


def _living_children(session: Session) -> Sequence[int]:
    """Children of the services that run now; those of earlier ones should be gone."""
    latest = {stamp.task: stamp.pid for stamp in session.fleet.stamps("child")}
    living = {each.pid for each in processes.payloads(session.fleet)}
    return [pid for pid in latest.values() if pid in living]


def _sample(session: Session, daemon: int, at_s: float, crash: tuple[str, bool, float]) -> Sample:
    status = Path(f"/proc/{daemon}/status").read_text()
    found = {line.split(":")[0]: line.split()[1:] for line in status.splitlines() if ":" in line}
    itself = [each for each in processes.managers(session.fleet) if each.pid == daemon]
    state = session.fleet.folder / ".intertie"
    return Sample(
        round(at_s, 1),
        *crash,
        rss_mb=int(found["VmRSS"][0]) / 1024,
        pss_mb=processes.pss_bytes(itself) / 2**20,
        fds=len(os.listdir(f"/proc/{daemon}/fd")),
        threads=int(found["Threads"][0]),
        state_mb=sum(path.stat().st_size for path in state.rglob("*") if path.is_file()) / 2**20,
    )


def _judge(soak: Soak, minutes: float) -> tuple[Mapping[str, object], Sequence[str]]:
    """The summary, and what is wrong."""
    slopes = {key: _slope(soak.samples, key) for key in _ALLOWED_AN_HOUR}
    failures = [f"missed restart: {each}" for each in soak.missed]
    failures += [
        f"{key} grows by {slope.an_hour:.2f} an hour"
        for key, slope in slopes.items()
        if slope and slope.grows(_ALLOWED_AN_HOUR[key])
    ]
    if soak.left > 0:
        failures.append(f"{soak.left} processes left of services that had crashed")
    summary = {
        "minutes": minutes,
        "crashes": len(soak.samples) + len(soak.missed),
        "missed": soak.missed,
        "children_killed": soak.children_killed,
        "left_behind": soak.left,
        "restart_ms_at_once": _spread([each.restart_ms for each in soak.samples if each.first]),
        "restart_ms_after_waiting": _spread(
            [each.restart_ms for each in soak.samples if not each.first]
        ),
        "first_and_last": [asdict(soak.samples[0]), asdict(soak.samples[-1])],
        "growth_an_hour": {key: asdict(slope) for key, slope in slopes.items() if slope},
        "failures": failures,
    }
    return summary, failures


def _spread(samples: Sequence[float]) -> Mapping[str, float]:
    if not samples:
        return {}
    return {
        "count": len(samples),
        "median": round(median(samples), 2),
        "p95": round(percentile(samples, 0.95), 2),
        "p99": round(percentile(samples, 0.99), 2),
        "max": round(max(samples), 2),
    }


def _slope(samples: Sequence[Sample], key: str) -> Slope | None:
    """A line through the means of blocks, once warm; None when there are too few samples."""
    warm = samples[int(len(samples) * _WARM_UP) :]
    size = len(warm) // _BLOCKS
    if size == 0:
        return None
    blocks = [warm[number * size : (number + 1) * size] for number in range(_BLOCKS)]
    hours = [fmean(each.at_s for each in block) / 3600 for block in blocks]
    values = [fmean(getattr(each, key) for each in block) for block in blocks]
    middle, level = fmean(hours), fmean(values)
    spread = sum((hour - middle) ** 2 for hour in hours)
    slope = sum((h - middle) * (v - level) for h, v in zip(hours, values, strict=True)) / spread
    rest = sum((v - level - slope * (h - middle)) ** 2 for h, v in zip(hours, values, strict=True))
    doubt = _T_95 * (rest / (_BLOCKS - 2) / spread) ** 0.5
    return Slope(slope, slope - doubt, slope + doubt)


def _keep(samples: Sequence[Sample]) -> None:
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / "soak.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [each.name for each in fields(Sample)])
        table.writeheader()
        table.writerows(asdict(sample) for sample in samples)


if __name__ == "__main__":
    sys.exit(main())
