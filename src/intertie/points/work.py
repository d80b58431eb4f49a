"""Work handed out: is the queue there, does this machine bear what is asked of it?"""

import os

from anyio import move_on_after

from intertie.points import Checked, Finding, FindingStatus
from intertie.runtime.checks.broker import broker
from intertie.suite.health import Broker
from intertie.suite.points import Scheduling, Transcoding

_PORTS: dict[Broker, int] = {"rabbitmq": 5672, "redis": 6379, "kafka": 9092, "nats": 4222}
_LEVELS = {"rabbitmq": 255}
"""Priorities of a queue; others have one queue a level."""
_ANSWER_S = 3.0


async def check_queue(service: str, wanted: Transcoding) -> list[Checked]:
    """Whether it answers in its own protocol, and how much may run at once."""
    return [await _reach(service, wanted), _concurrency(service, wanted), _levels(service, wanted)]


async def _reach(service: str, wanted: Transcoding) -> Checked:
    kind = wanted.queue_system
    if kind == "embedded" or kind == "memory":  # noqa: PLR1714 - so that the type is known below
        return _checked(service, "queue_system", kind, "part of the suite", "ok")
    port = wanted.port if isinstance(wanted.port, int) else _PORTS[kind]
    why: str | None = f"no answer within {_ANSWER_S:g} s"
    if wanted.host in {"127.0.0.1", "localhost"}:
        with move_on_after(_ANSWER_S):
            why = await broker(port, kind)
    else:
        why = "on another machine: only services there can ask it"
        return _checked(service, "queue_system", kind, why, "unknown")
    found = f"answers on port {port}" if why is None else why
    told = () if why is None else (f"start {kind}, or correct `host` and `port`",)
    return _checked(
        service, "queue_system", kind, found, "ok" if why is None else "missing", remedy=told
    )


def _concurrency(service: str, wanted: Transcoding) -> Checked:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    is_right = wanted.max_concurrent <= cores
    told = () if is_right else (f"say `max_concurrent: {cores}`, or run it on more cores",)
    status: FindingStatus = "ok" if is_right else "differs"
    count = str(wanted.max_concurrent)
    return _checked(service, "max_concurrent", count, f"{cores} cores", status, remedy=told)


def _levels(service: str, wanted: Transcoding) -> Checked:
    most = _LEVELS.get(wanted.queue_system)
    count = len(wanted.priority_levels)
    found = "one queue a level" if most is None else f"up to {most} levels"
    is_right = (most is None or count <= most) and len(set(wanted.priority_levels)) == count
    told = () if is_right else ("name each level once",)
    levels = ", ".join(wanted.priority_levels)
    return _checked(
        service, "priority_levels", levels, found, "ok" if is_right else "differs", remedy=told
    )


def check_schedule(service: str, wanted: Scheduling) -> Checked:
    """Nothing of the machine is needed: the suite keeps the times itself."""
    policy = wanted.retry_policy
    told = f"{wanted.type}, {policy.attempts} attempts, {policy.backoff}"
    return Checked(Finding(service, "scheduling", "type", told, "part of the suite", "ok"))


def _checked(
    service: str, key: str, wanted: str, found: str, status: FindingStatus,
    *, remedy: tuple[str, ...] = (),
) -> Checked:  # fmt: skip
    return Checked(Finding(service, "transcoding", key, wanted, found, status, remedy))
