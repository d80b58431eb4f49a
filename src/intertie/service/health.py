"""How the service is: its dependencies, really tried, but not by every probe anew."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from anyio import Lock, create_task_group, current_time, fail_after

log = logging.getLogger(__name__)

Status = Literal["UP", "DEGRADED", "DOWN"]
Probe = Callable[[], Awaitable[object]]
"""Returns when the dependency is there. False or an exception mean that it is not."""

FRESH_S = 1.0
_LONGEST = 300
_WORSE: tuple[Status, ...] = ("UP", "DEGRADED", "DOWN")
_LOGIN = re.compile(r"://[^@/\s]+@")


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency."""

    name: str
    probe: Probe
    critical: bool
    """Without it the service is DOWN; without another one it is DEGRADED."""
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Dependency:
    """How one was when last tried."""

    status: Status
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How all were."""

    status: Status
    at: datetime
    dependencies: dict[str, Dependency]

    def json(self) -> dict[str, object]:
        """As `/health` shows it."""
        return {
            "status": self.status,
            "timestamp": self.at.isoformat(),
            "dependencies": {
                name: {"status": each.status, **({"error": each.error} if each.error else {})}
                for name, each in self.dependencies.items()
            },
        }


class Health:
    """The dependencies of a service. A report is used for `fresh_s`, whoever asks."""

    def __init__(
        self,
        *,
        fresh_s: float = FRESH_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._checks: dict[str, Check] = {}
        self._fresh_s = fresh_s
        self._now = now
        self._lock = Lock()
        self._last: tuple[float, Report] | None = None

    def add(self, check: Check) -> None:
        """Another dependency, or another way to try the one of that name."""
        self._checks[check.name] = check

    async def report(self) -> Report:
        """The last report while it is fresh; otherwise everything is tried at once."""
        async with self._lock:
            if self._last is None or current_time() - self._last[0] >= self._fresh_s:
                report = await self._examine()
                self._last = (current_time(), report)
            return self._last[1]

    async def _examine(self) -> Report:
        found: dict[str, Dependency] = {}

        async def run(check: Check) -> None:
            found[check.name] = await _try(check)

        checks = list(self._checks.values())
        async with create_task_group() as group:
            for check in checks:
                group.start_soon(run, check)
        worst = max((_WORSE.index(each.status) for each in found.values()), default=0)
        return Report(_WORSE[worst], self._now(), {each.name: found[each.name] for each in checks})


async def _try(check: Check) -> Dependency:
    bad: Status = "DOWN" if check.critical else "DEGRADED"
    try:
        with fail_after(check.timeout_s):
            fine = await check.probe()
    except TimeoutError:
        return Dependency(bad, f"no answer within {check.timeout_s:g} s")
    except Exception as exc:  # a fence: any driver may fail in any way, and that is the answer
        log.info("dependency failed", extra={"dependency": check.name, "reason": _told(exc)})
        return Dependency(bad, _told(exc))
    return Dependency(bad, "the check says no") if fine is False else Dependency("UP")


def _told(exc: Exception) -> str:
    """One line without the login of an address."""
    text = " ".join(str(exc).split()) or type(exc).__name__
    return _LOGIN.sub("://***@", text)[:_LONGEST]
