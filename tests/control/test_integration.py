from pathlib import Path

import pytest

from intertie.control import ServiceIntegrationManager
from intertie.errors import IntertieError
from tests.points.machine import machine

pytestmark = pytest.mark.anyio

CONFIG = {
    "backup": {
        "integration_points": {
            "storage": {"protocol": "iscsi", "performance_tuning": {"nr_requests": 512}}
        }
    }
}


async def test_apply_sets_and_monitor_sees_it(tmp_path: Path) -> None:
    """What was set is right afterwards; what is left says what to do."""
    manager = ServiceIntegrationManager(machine(tmp_path, tools=("iscsiadm",)))
    await manager.validate_integration("core_services", CONFIG)
    assert (
        "sda.nr_requests" in (await manager.monitor_integration_health("core_services"))["backup"]
    )

    applied = await manager.apply_integration("core_services", CONFIG)

    assert [each.key for each in applied.done] == ["sda.nr_requests"]
    assert await manager.monitor_integration_health("core_services") == {}


async def test_every_fault_of_a_table_is_told(tmp_path: Path) -> None:
    """With its place."""
    config = {
        "a": {"integration_points": {"storage": {"protocol": "floppy"}}},
        "b": {"api_configuration": {"auth_method": "smile"}},
    }

    with pytest.raises(IntertieError, match=r"a\.storage.*b\.auth_method"):
        await ServiceIntegrationManager(tmp_path).validate_integration("core_services", config)
