"""Connections to services outside: one registry for all kinds and all tenants.

The names below are the public face; each is loaded on first use.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertie.integrations.base import BaseIntegration
    from intertie.integrations.config import IntegrationConfig, IntegrationStatus, IntegrationType
    from intertie.integrations.errors import IntegrationError
    from intertie.integrations.registry import IntegrationRegistry
    from intertie.integrations.rest import RestIntegration

_HOME = {
    "BaseIntegration": "intertie.integrations.base",
    "IntegrationConfig": "intertie.integrations.config",
    "IntegrationError": "intertie.integrations.errors",
    "IntegrationRegistry": "intertie.integrations.registry",
    "IntegrationStatus": "intertie.integrations.config",
    "IntegrationType": "intertie.integrations.config",
    "RestIntegration": "intertie.integrations.rest",
}

__all__ = [
    "BaseIntegration",
    "IntegrationConfig",
    "IntegrationError",
    "IntegrationRegistry",
    "IntegrationStatus",
    "IntegrationType",
    "RestIntegration",
    "get_integration",
    "get_integration_registry",
    "register_integration",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'intertie.integrations' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


@cache
def get_integration_registry() -> "IntegrationRegistry":
    """The registry of this program; a program with several makes them with IntegrationRegistry."""
    from intertie.integrations.registry import IntegrationRegistry

    return IntegrationRegistry()


def register_integration(
    kind: "type[BaseIntegration] | str", config: "IntegrationConfig", tenant_id: str = "default"
) -> "BaseIntegration":
    """A connection of this program, not opened yet; see `IntegrationRegistry.register`."""
    return get_integration_registry().register(kind, config, tenant_id)


def get_integration(name: str, tenant_id: str | None = None) -> Any:  # Any: whatever its kind is
    """A connection of this program; None when there is none. See `IntegrationRegistry.get`."""
    return get_integration_registry().get(name, tenant_id)
