"""What is measured. Each function is one round of one contender and gives samples by measure."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPConnection

from benchmarks.orchestrator import processes
from benchmarks.orchestrator.fleet import chain, flat, probed
from benchmarks.orchestrator.logs import arrived, lines_kept
from benchmarks.orchestrator.payload import LINE_BYTES
from benchmarks.orchestrator.rivals.rival import Http, Rival
from benchmarks.orchestrator.session import (
    LIMIT_S,
    Failed,
    Session,
    kill,
    prepared,
    running,
    until,
)

Samples = Mapping[str, Sequence[float]]
Scenario = Callable[[Rival], Iterator[Samples]]
"""Gives what it has as it goes, so that what fails later does not take it away."""

MANY = 200
FEW = 50
_KILLED = 20
_QUIET_S = 1.2
"""Longer than the second that some contenders want a service to run before it counts."""
_REQUESTS = 200
_LEFT = 5
"""Services whose grandchild does not end by itself."""
_ORPHANED = 20
_COMMANDS = 3
_AFTERWARDS_S = 1.0
_CALM_S = 5.0
"""Until what a start brings with it is over."""
_WRITTEN_S = 120.0
_WARM_UP = 5
_PATIENCE_S = 30.0
"""Who has not ended by then is shown with this time; some wait for ever."""


def start_few(rival: Rival) -> Iterator[Samples]:
    """Start and stop of 50, and the first crash of 20 of them, one at a time."""
    with prepared(rival, flat(FEW)) as session:
        yield {"start_50_s": [_started(session)]}
        if rival.restarts:
            yield {"restart_ms": _restarts(session)}
        yield {"stop_50_s": [_stopped(session)[0]]}


def start_many(rival: Rival) -> Iterator[Samples]:
    """Start, status, reload and stop of 200."""
    with prepared(rival, flat(MANY)) as session:
        yield {"start_200_s": [_started(session)]}
        if status := rival.status(session.fleet):
            yield {"status_command_ms": [session.run(status) * 1000 for _ in range(_COMMANDS)]}
        if http := rival.http(session.fleet):
            yield {"status_kept_ms": _requests(http, kept=True)}
            yield {"status_new_ms": _requests(http, kept=False)}
        yield _reload(session)
        gone, back = _stopped(session)
        yield {"stop_200_s": [gone], "stop_200_back_s": [back]}


def chain_few(rival: Rival) -> Iterator[Samples]:
    """50 services, each started once the one before has printed its ready line."""
    if rival.log_ready:
        with prepared(rival, chain(FEW)) as session:
            yield {"chain_50_s": [_started(session)]}


def idle(rival: Rival, seconds: float) -> Iterator[Samples]:
    """What 200 services cost while nothing happens."""
    with running(rival, flat(MANY)) as session:
        cpu_percent, pss_mb, count = _cost(session, seconds)
        yield {
            "idle_cpu_percent": [cpu_percent],
            "idle_pss_mb": [pss_mb],
            "idle_processes": [count],
        }


def idle_probed(rival: Rival, seconds: float) -> Iterator[Samples]:
    """The same while each is asked over http every second."""
    if rival.probes:
        with running(rival, probed(MANY)) as session:
            cpu_percent, pss_mb, _ = _cost(session, seconds)
            yield {"probed_cpu_percent": [cpu_percent], "probed_pss_mb": [pss_mb]}


def logs(rival: Rival, writers: int, megabytes: int) -> Iterator[Samples]:
    """Lines written at full speed: how fast all of them are in the files, and what is missing."""
    name = f"logs_{writers}x{megabytes}"
    with running(rival, flat(writers, "--lines", str(megabytes))) as session:
        time.sleep(1)
        began = time.monotonic_ns()
        for stamp in session.fleet.stamps():
            os.kill(stamp.pid, signal.SIGUSR1)
        written = session.wait_for(writers, "done", _WRITTEN_S).at_ns
        lines = writers * (megabytes * 1_000_000 // LINE_BYTES)
        ended = arrived(lambda: rival.output(session.fleet), lines * LINE_BYTES)
        missing = lines - lines_kept(rival.output(session.fleet))
        took_s = (max(written, ended) - began) / 1e9
        yield {
            f"{name}_mb_s": [lines * LINE_BYTES / 1e6 / took_s],
            f"{name}_lost_percent": [100 * missing / lines],
        }


def grandchildren(rival: Rival, where: str) -> Iterator[Samples]:
    """Processes left by a stop when services have children that ignore SIGTERM."""
    with prepared(rival, flat(_LEFT, "--grandchild", where)) as session:
        session.start()
        session.wait_for(_LEFT, "child")
        time.sleep(_QUIET_S)
        took_s = _stop_patiently(session, after_kill=False)
        left = float(len(processes.payloads(session.fleet)))
        yield {f"left_{where}": [left], f"left_{where}_stop_s": [took_s]}


def daemon_killed(rival: Rival) -> Iterator[Samples]:
    """Services of a killed daemon that still run after its next start and stop."""
    with running(rival, flat(_ORPHANED)) as session:
        time.sleep(_QUIET_S)
        first = {each.pid for each in processes.payloads(session.fleet)}
        kill(session.daemon())
        session.reap()
        time.sleep(_AFTERWARDS_S)
        if rival.starts_after_kill:
            session.start()
            time.sleep(3 * _AFTERWARDS_S)
        _stop_patiently(session, after_kill=True)
        left = {each.pid for each in processes.payloads(session.fleet)}
        yield {
            "left_daemon": [float(len(left & first))],
            "left_daemon_new": [float(len(left - first))],
        }


def _cost(session: Session, seconds: float) -> tuple[float, float, float]:
    """CPU percent, PSS in MB and number of processes that are not services."""
    time.sleep(_CALM_S)
    found = processes.managers(session.fleet)
    began, used = time.monotonic_ns(), processes.cpu_ns(found)
    time.sleep(seconds)
    percent = 100 * (processes.cpu_ns(found) - used) / (time.monotonic_ns() - began)
    return percent, processes.pss_bytes(found) / 1e6, len(found)


def _started(session: Session) -> float:
    session.start()
    last = session.wait_for(len(session.fleet.tasks))
    session.settle()
    return (last.at_ns - session.began_ns) / 1e9


def _stopped(session: Session) -> tuple[float, float]:
    """Seconds until the last service is gone, and until the command and its daemon are too."""
    services = [each.pid for each in processes.payloads(session.fleet)]
    daemon = session.daemon()
    with processes.exits(services) as gone, processes.exits([daemon]) as back:
        began = time.monotonic_ns()
        session.stop()
        returned = time.monotonic_ns()
        last = gone.wait(LIMIT_S)
        done = back.wait(LIMIT_S)
    if last is None or done is None:
        raise Failed(f"not stopped within {LIMIT_S:.0f} s")
    return (last - began) / 1e9, (max(done, returned) - began) / 1e9


def _stop_patiently(session: Session, *, after_kill: bool) -> float:
    """Seconds until the contender is gone, if ever; then a moment for what dies last."""
    managers = [each.pid for each in processes.managers(session.fleet)]
    with processes.exits(managers) as gone:
        began = time.monotonic_ns()
        session.stop(after_kill=after_kill)
        ended = gone.wait(_PATIENCE_S) or time.monotonic_ns()
    time.sleep(_AFTERWARDS_S)
    return (ended - began) / 1e9


def _restarts(session: Session) -> Sequence[float]:
    time.sleep(_QUIET_S)
    chosen = random.sample(session.fleet.stamps(), _KILLED)
    return [_restart(session, stamp.task, stamp.pid) for stamp in chosen]


def _restart(session: Session, task: str, pid: int) -> float:
    """Milliseconds from a kill to the new process's own stamp."""
    # Not in step with a contender's own clock, and apart enough to be one crash each.
    time.sleep(random.uniform(0.05, 0.25))  # noqa: S311 - no secret
    count = len(session.fleet.stamps())
    at = kill(pid)
    until(lambda: len(session.fleet.stamps()) > count, f"restart of {task}", 15)
    return (session.fleet.stamps()[-1].at_ns - at) / 1e6


def _requests(http: Http, *, kept: bool) -> Sequence[float]:
    """Milliseconds of requests, one after the other."""
    connection = HTTPConnection(*http.address, timeout=10)
    found: list[float] = []
    for number in range(_REQUESTS + _WARM_UP):
        if not kept:
            connection.close()
        began = time.perf_counter()
        connection.request(http.method, http.path, http.body, dict(http.headers))
        answer = connection.getresponse()
        body = answer.read()
        took_ms = (time.perf_counter() - began) * 1000
        if answer.status != HTTPStatus.OK or body.count(b"s199") == 0:
            raise Failed(f"status over http: {answer.status}")
        if number >= _WARM_UP:
            found.append(took_ms)
    connection.close()
    return found


def _reload(session: Session) -> Samples:
    """One service of many changes: how many got a new process."""
    first, *rest = session.fleet.tasks
    session.fleet = replace(session.fleet, tasks=(replace(first, options=("--delay", "1")), *rest))
    command = session.rival.reload(session.fleet, first.name)
    if command is None:
        return {}
    session.rival.write(session.fleet)
    before = len(session.fleet.stamps())
    took_s = session.run(command)
    time.sleep(1)
    bounced = {stamp.task for stamp in session.fleet.stamps()[before:]}
    if first.name not in bounced:
        raise Failed("the reload did not take the change")
    return {"reload_bounced": [float(len(bounced))], "reload_s": [took_s]}
