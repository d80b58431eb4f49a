"""What calls to services outside have cost, for Prometheus."""

import pytest

from intertie.control.integrations import IntegrationControl
from intertie.control.metrics import Metrics
from intertie.integrations.errors import VendorDownError
from intertie.plan import Snapshot
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


async def test_calls_are_counted_by_tenant_connection_and_operation() -> None:
    """Their times, their attempts, and why they failed."""
    stage = Stage()
    shop = stage.made(Shop, "acme", config=CONFIG, retry_policy={"max_attempts": 2})
    await shop.ping()
    stage.vendor.answers = lambda request: answer(status=503)
    with pytest.raises(VendorDownError):
        await shop.ping()
    cases = IntegrationControl(lambda: stage.registry)

    text = (await Metrics(lambda: Snapshot({}), integrations=cases.all_counted).as_text()).decode()

    labels = 'integration="main",kind="shop",operation="ping",tenant="acme"'
    found = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("intertie_integration_")
    }
    assert found[f"intertie_integration_call_seconds_count{{{labels}}}"] == 2
    assert found[f"intertie_integration_attempts_total{{{labels}}}"] == 3
    failed = f'cause="vendor",{labels}'
    assert found[f"intertie_integration_failures_total{{{failed}}}"] == 1


async def test_a_suite_without_any_says_nothing() -> None:
    """Not even zero."""
    text = await Metrics(lambda: Snapshot({})).as_text()

    assert b"intertie_integration" not in text
