"""An integration of somebody's own, as the guide has it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from intertie.integrations import BaseIntegration, IntegrationConfig, IntegrationStatus
from tests.integrations.stage import Stage

pytestmark = pytest.mark.anyio


class CustomAPIIntegration(BaseIntegration):
    """Says what it is told to say."""

    opens = True
    healthy = True

    async def initialize(self) -> bool:
        """See BaseIntegration."""
        return self.opens

    async def health_check(self) -> dict[str, Any]:
        """See BaseIntegration."""
        if not self.healthy:
            raise RuntimeError("its own fault")
        return {"healthy": True, "response_time": 0.1, "timestamp": datetime.now(UTC).isoformat()}

    async def cleanup(self) -> None:
        """See BaseIntegration."""


async def test_it_is_opened_looked_at_and_closed() -> None:
    """Without a word of ours in it."""
    stage = Stage()
    made = stage.registry.register(CustomAPIIntegration, IntegrationConfig(name="own"), "acme")

    opened = await stage.registry.enable_all()
    told = await stage.registry.check(made)
    await stage.registry.aclose()

    assert opened == {"acme/own": True}
    assert (told["healthy"], made.status) == (True, IntegrationStatus.HEALTHY)
    assert made.kind == "CustomAPIIntegration"
    assert stage.vendor.closed == 1


async def test_its_faults_are_its_own() -> None:
    """One that fails to look is not well, and the others are looked at all the same."""
    stage = Stage()
    bad = stage.registry.register(CustomAPIIntegration, IntegrationConfig(name="bad"))
    good = stage.registry.register(CustomAPIIntegration, IntegrationConfig(name="good"))
    assert isinstance(bad, CustomAPIIntegration)
    bad.healthy = False

    found = await stage.registry.check_all()

    assert found["default/bad"]["error"] == "it raised RuntimeError"
    assert (bad.status, good.status) == (IntegrationStatus.UNHEALTHY, IntegrationStatus.HEALTHY)


async def test_what_says_no_is_not_well() -> None:
    """`initialize` gives False."""
    stage = Stage()
    made = stage.registry.register(CustomAPIIntegration, IntegrationConfig(name="own"))
    assert isinstance(made, CustomAPIIntegration)
    made.opens = False

    assert await stage.registry.enable_all() == {"default/own": False}
    assert made.status is IntegrationStatus.UNHEALTHY
