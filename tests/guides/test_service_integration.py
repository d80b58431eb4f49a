"""The guide's service integration, with only the import root changed."""

from pathlib import Path

import pytest

from intertie.control import ServiceIntegrationManager
from tests.points.machine import machine

pytestmark = pytest.mark.anyio


async def test_the_guide_s_configuration_is_validated_applied_and_monitored(tmp_path: Path) -> None:
    """Every type of it is taken; the services' points are held against the machine."""
    integration_config: dict[str, dict[str, object]] = {
        "core_services": {
            "media_server": {
                "dependencies": ["storage_service", "transcoding_service", "metadata_service"],
                "api_configuration": {
                    "version": "v2", "auth_method": "oauth2", "rate_limit": 1000, "timeout": 30,
                },
                "integration_points": {
                    "storage": {
                        "protocol": "nfs4",
                        "mount_options": "rw,sync,no_subtree_check",
                        "performance_tuning": {"rsize": 131072, "wsize": 131072, "async": True},
                    },
                    "transcoding": {
                        "queue_system": "rabbitmq",
                        "max_concurrent": 4,
                        "priority_levels": ["high", "normal", "low"],
                    },
                },
            },
            "backup_service": {
                "dependencies": ["storage_service", "scheduling_service"],
                "api_configuration": {
                    "version": "v1", "auth_method": "token", "rate_limit": 100, "timeout": 60,
                },
                "integration_points": {
                    "storage": {
                        "protocol": "iscsi",
                        "multipath": True,
                        "performance_tuning": {"queue_depth": 64, "nr_requests": 256},
                    },
                    "scheduling": {
                        "type": "cron",
                        "retry_policy": {"attempts": 3, "backoff": "exponential"},
                    },
                },
            },
        },
        "monitoring_integration": {"metrics_collection": {"interval": 60}},
        "authentication_integration": {"sso_configuration": {"provider": "oauth2_proxy"}},
    }  # fmt: skip
    manager = ServiceIntegrationManager(machine(tmp_path))

    for service_type, config in integration_config.items():
        await manager.validate_integration(service_type, config)
        await manager.apply_integration(service_type, config)
        health = await manager.monitor_integration_health(service_type)
        if service_type == "core_services":
            assert set(health) == {"media_server", "backup_service"}

    assert (tmp_path / "sys/block/sda/device/queue_depth").read_text() == "64"
