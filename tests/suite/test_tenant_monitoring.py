"""What a suite file says of tenants that are monitored."""

import pytest
from pydantic import ValidationError

from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring
from intertie.suite.tenant_monitoring import TenantMonitoring


def suite(tenant: str, **told: object) -> Suite:
    """One with tenant acme, and something said of `tenant`."""
    return Suite.model_validate(
        {
            "suite": "shop",
            "services": {"web": {"command": "true"}},
            "tenants": {"acme": {}},
            "monitoring": {
                "channels": {"hook": {"kind": "webhook", "url": "http://127.0.0.1/"}},
                "tenants": {tenant: told},
            },
        }
    )


def test_a_tenant_has_limits_and_channels() -> None:
    """One channel is a list of it."""
    found = suite("acme", max_series=5, samples_per_minute=60, channels="hook").monitoring

    assert found is not None
    assert found.tenants["acme"] == TenantMonitoring(
        max_series=5, samples_per_minute=60, channels=("hook",)
    )


def test_only_tenants_of_the_suite_have_them() -> None:
    """A name that is mistyped is told."""
    with pytest.raises(ValidationError, match="'acne', which is no tenant of the suite"):
        suite("acne")


def test_only_channels_that_are_there_can_be_told() -> None:
    """A name that is mistyped is told."""
    with pytest.raises(ValidationError, match="`acme` names 'hok', which `channels`"):
        suite("acme", channels="hok")


@pytest.mark.parametrize("limit", ["max_series", "samples_per_minute"])
def test_a_limit_is_one_or_more(limit: str) -> None:
    """Nothing at all is said otherwise: by a tenant without keys."""
    with pytest.raises(ValidationError):
        Monitoring.model_validate({"tenants": {"acme": {limit: 0}}})
