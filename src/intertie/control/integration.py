"""ServiceIntegrationManager: what services need of the machine, checked, applied and watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from intertie.errors import IntertieError
from intertie.points import Checked, Finding
from intertie.points.survey import put_right, survey
from intertie.suite.points import ApiConfiguration, IntegrationPoints

SERVICES = "core_services"


@dataclass(frozen=True, slots=True)
class Applied:
    """What was set, and what is left for a person, with the commands."""

    done: tuple[Finding, ...]
    left: tuple[Finding, ...]


@dataclass(slots=True)
class ServiceIntegrationManager:
    """Of one machine. `root` is where its /proc and /sys are.

    Each method takes a type of configuration and its table. Of the types, `core_services` has
    integration points; others are the business of other parts, and have no findings here.
    """

    root: Path = Path("/")
    _last: dict[str, Sequence[Checked]] = field(default_factory=dict[str, Sequence[Checked]])

    async def validate_integration(
        self, service_type: str, config: Mapping[str, object]
    ) -> Sequence[Finding]:
        """What is declared, held against what there is.

        Raises IntertieError for a table that makes no sense, naming every fault.
        """
        points = _points(config) if service_type == SERVICES else {}
        self._last[service_type] = await survey(points, root=self.root)
        return [each.finding for each in self._last[service_type]]

    async def apply_integration(self, service_type: str, config: Mapping[str, object]) -> Applied:
        """Set what may be set; of the rest, `remedy` has the exact commands."""
        await self.validate_integration(service_type, config)
        done, left = put_right(self._last[service_type])
        await self.validate_integration(service_type, config)
        return Applied(tuple(done), tuple(left))

    async def monitor_integration_health(self, service_type: str) -> Mapping[str, str]:
        """What is not as declared now, by service; empty when all is."""
        found = (each.finding for each in self._last.get(service_type, ()))
        return {
            each.service: f"{each.point} {each.key}: {each.found}"
            for each in found
            if each.is_drift
        }


def _points(config: Mapping[str, object]) -> dict[str, IntegrationPoints]:
    found: dict[str, IntegrationPoints] = {}
    faults: list[str] = []
    for name, table in config.items():
        said = cast("Mapping[str, object]", table)
        try:
            ApiConfiguration.model_validate(said.get("api_configuration", said.get("api", {})))
            found[name] = IntegrationPoints.model_validate(said.get("integration_points", {}))
        except ValidationError as exc:
            faults += [f"{name}.{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in exc.errors()]
    if faults:
        raise IntertieError("cannot use this configuration: " + "; ".join(faults))
    return found
