"""A look at every integration point of a suite, and keeping an eye on them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from anyio import sleep, to_thread
from anyio.abc import TaskStatus

from intertie.event import Payload
from intertie.points import Checked, Finding, FindingStatus
from intertie.points.storage import check_iscsi, check_nfs
from intertie.points.work import check_queue, check_schedule
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub
from intertie.suite.points import IntegrationPoints, IscsiStorage, NfsStorage

log = logging.getLogger(__name__)

EVERY_S = 60.0


class IntegrationDrift(Payload):
    """What a service declared of its machine is no longer so, or is so again."""

    type: ClassVar[str] = "suite.integration_drift"
    service: str
    point: str
    key: str
    wanted: str
    found: str
    status: FindingStatus


async def survey(
    points: Mapping[str, IntegrationPoints], *, root: Path = Path("/")
) -> Sequence[Checked]:
    """Everything that is declared, by service, held against this machine."""
    found: list[Checked] = []
    for service, declared in points.items():
        if declared.storage is not None:
            found += await to_thread.run_sync(_check_storage, service, declared.storage, root)
        if declared.transcoding is not None:
            found += await check_queue(service, declared.transcoding)
        if declared.scheduling is not None:
            found.append(check_schedule(service, declared.scheduling))
    return found


def _check_storage(service: str, storage: NfsStorage | IscsiStorage, root: Path) -> list[Checked]:
    if isinstance(storage, IscsiStorage):
        return list(check_iscsi(service, storage, root))
    return list(check_nfs(service, storage, root))


def put_right(found: Sequence[Checked]) -> tuple[list[Finding], list[Finding]]:
    """Set what the kernel lets us set; what was set, and what is left for a person."""
    done: list[Finding] = []
    left: list[Finding] = []
    for each in found:
        if not each.finding.is_drift:
            continue
        if each.setting is not None and _write(each.setting.file, each.setting.value):
            done.append(each.finding)
        else:
            left.append(each.finding)
    return done, left


def _write(file: Path, value: str) -> bool:
    try:
        file.write_text(value)
    except OSError as exc:
        log.info("setting not written", extra={"file": str(file), "why": exc.strerror})
        return False
    return True


class PointsMonitor:
    """A component that surveys again and again, and tells what changed."""

    def __init__(
        self,
        points: Callable[[], Mapping[str, IntegrationPoints]],
        hub: EventHub,
        *,
        root: Path = Path("/"),
        every_s: float = EVERY_S,
    ) -> None:
        self._points = points
        self._hub = hub
        self._root = root
        self._every_s = every_s
        self._known: dict[tuple[str, str, str], FindingStatus] = {}
        self._drifted: Mapping[str, str] = {}

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component."""
        task_status.started()
        while True:
            points = self._points()
            if points:
                self.take_in([each.finding for each in await survey(points, root=self._root)])
            await sleep(self._every_s)

    def health(self) -> Health:
        """See Component. DEGRADED while something is not as declared."""
        if not self._drifted:
            return Health(Status.UP)
        return Health(Status.DEGRADED, "; ".join(self._drifted.values()))

    def drifted(self) -> Mapping[str, str]:
        """What is wrong, by service."""
        return self._drifted

    def take_in(self, found: Sequence[Finding]) -> None:
        """Compare with the last look; each change is an event."""
        known = {(each.service, each.point, each.key): each for each in found}
        for key, each in known.items():
            before = self._known.get(key, "ok")
            if before != each.status and "unknown" not in {before, each.status}:
                self._tell(each)
        self._known = {key: each.status for key, each in known.items()}
        self._drifted = {each.service: _told(each) for each in found if each.is_drift}

    def _tell(self, each: Finding) -> None:
        payload = IntegrationDrift(
            service=each.service,
            point=each.point,
            key=each.key,
            wanted=each.wanted,
            found=each.found,
            status=each.status,
        )
        self._hub.publish(payload, each.service)


def _told(each: Finding) -> str:
    return f"{each.point} {each.key}: wanted {each.wanted}, found {each.found}"
