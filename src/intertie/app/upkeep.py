"""Maintenance, and looks at the suite as a whole. Loaded once a suite asks for one of them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from intertie.automation.clock import SystemClock
from intertie.automation.health_checks import Finding, HealthChecks, Measure, told
from intertie.automation.maintenance.apart import Helper
from intertie.automation.maintenance.job import work
from intertie.automation.maintenance.port import Around
from intertie.automation.runner import Attempt, Work
from intertie.control.health import status_of
from intertie.errors import IntertieError
from intertie.event import HealthFound
from intertie.gateway.cache.client import CacheClient
from intertie.gateway.cache.settings import ADMIN_SOCKET
from intertie.monitor.channels.port import Message
from intertie.monitor.collect.collector import wall_ms
from intertie.monitor.collect.system import System
from intertie.monitor.rule_query import over
from intertie.monitor.sample import Sample
from intertie.monitor.sugar import WORDS
from intertie.runtime.component import Status
from intertie.suite.health_checks import HealthChecks as Config

if TYPE_CHECKING:
    from intertie.app.orchestrator import SuiteOrchestrator

_PERCENT = 100.0
_OF_THE_MACHINE: Mapping[str, Measure] = {
    "intertie_cpu_usage_ratio": "cpu_usage",
    "intertie_memory_usage_ratio": "memory_usage",
    "intertie_disk_usage_ratio": "disk_usage",
}
_OF_SERVICES: Mapping[Measure, str] = {
    "error_rate": "error_rate",
    "response_time_p95": "response_time_p95",
}
"""Measures that the gateway's samples give, and the words for them."""


def maintenance(orchestrator: "SuiteOrchestrator") -> Work:
    """What the task does."""

    def prepare(attempt: Attempt) -> Around:
        config = orchestrator.suite.automation.maintenance
        if config is None:
            raise IntertieError("cannot tidy up: the suite has no `automation.maintenance`")
        place, rotator = orchestrator.surroundings(), orchestrator.rotator
        if rotator is None:
            raise IntertieError("cannot tidy up: nobody keeps the logs yet")
        helper = Helper(
            driver=orchestrator.driver,
            folder=place.folder,
            env=place.env,
            limits=config.resource_limits,
            attempt=attempt,
        )
        watching, gateway = orchestrator.monitoring.watching, orchestrator.suite.gateway
        has_cache = gateway is not None and gateway.cache is not None
        cache = CacheClient(orchestrator.folder.envoy / ADMIN_SOCKET)
        return Around(
            config=config,
            state=orchestrator.folder,
            root=place.folder,
            now=datetime.now(UTC),
            apart=helper.run,
            rotate_logs=rotator.rotate,
            purge_cache=cache.purge_expired if has_cache else None,
            compact=watching.store.compact if watching is not None else None,
        )

    return work(prepare)


def health_checks(orchestrator: "SuiteOrchestrator", config: Config) -> HealthChecks:
    """A component that looks at the suite each interval."""
    readings = _Readings(orchestrator)

    async def tell(findings: Sequence[Finding]) -> None:
        await _tell(orchestrator, config, findings)

    return HealthChecks(config, readings, tell, SystemClock())


class _Readings:
    """What there is to judge."""

    def __init__(self, orchestrator: "SuiteOrchestrator") -> None:
        self._orchestrator = orchestrator
        self._system = System()

    async def __call__(self) -> Mapping[Measure, Mapping[str, float]]:
        """See health_checks.Readings."""
        services = self._orchestrator.supervisor.snapshot().services.values()
        found: dict[Measure, dict[str, float]] = {
            "service_status": {e.name: float(status_of(e) is Status.UP) for e in services}
        }
        for sample in await self._system.collect(wall_ms()):
            for measure, what in _of_the_machine(sample):
                found.setdefault(measure, {})[what] = sample.value * _PERCENT
        watching = self._orchestrator.monitoring.watching
        if watching is not None:
            evaluate = over(watching.source)
            for measure, word in _OF_SERVICES.items():
                values = await evaluate(WORDS[word].promql, wall_ms())
                found[measure] = {
                    dict(labels).get("service", ""): value
                    for labels, value in values or ()
                    if not math.isnan(value)
                }
        return found


def _of_the_machine(sample: Sample) -> Iterator[tuple[Measure, str]]:
    measure = _OF_THE_MACHINE.get(sample.series.name)
    if measure is not None:
        yield measure, dict(sample.series.labels).get("mount", "machine")


async def _tell(
    orchestrator: "SuiteOrchestrator", config: Config, findings: Sequence[Finding]
) -> None:
    for each in findings:
        orchestrator.hub.publish(
            HealthFound(
                check=each.check,
                measure=each.measure,
                what=each.what,
                value=each.value,
                threshold=each.threshold,
                well=each.well,
            ),
            each.what,
        )
    watching = orchestrator.monitoring.watching
    if watching is None:
        return
    for well, channels in (
        (False, config.notifications.failure),
        (True, config.notifications.success),
    ):
        chosen = [each for each in findings if each.well is well]
        if chosen and channels:
            await watching.sender.send(_message(chosen, well=well), channels)


def _message(findings: Sequence[Finding], *, well: bool) -> Message:
    now = datetime.now(UTC)
    first = findings[0]
    return Message(
        key=f"health:{first.measure}:{first.what}:{now.isoformat()}",
        kind="task",
        title="the suite is well again" if well else "the suite is not well",
        text="\n".join(map(told, findings)),
        severity="info" if well else "critical",
        at=now,
    )
