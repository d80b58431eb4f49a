"""What a connection is told: the words of the suite file and of `register_integration`."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from intertie.suite.integration import CircuitBreaker, RateLimits, RetryPolicy
from intertie.suite.values import Model

__all__ = [
    "CircuitBreaker",
    "IntegrationConfig",
    "IntegrationStatus",
    "IntegrationType",
    "RateLimits",
    "RetryPolicy",
]


class IntegrationType(StrEnum):
    """What a connection is for; the folders of the connectors are the same."""

    EXTERNAL_API = "external_api"
    CLOUD_SERVICE = "cloud_service"
    COMMUNICATION = "communication"
    AUTHENTICATION = "authentication"
    DATA_PIPELINE = "data_pipeline"
    SECURITY = "security"
    MONITORING = "monitoring"


class IntegrationStatus(StrEnum):
    """How a connection does."""

    UNKNOWN = "unknown"
    """Not opened yet."""
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    """It works, but not all of it, or not always."""
    UNHEALTHY = "unhealthy"
    DISABLED = "disabled"


class IntegrationConfig(Model):
    """A connection: its name, and what its kind needs to know."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
    """Of the connection, within its tenant."""
    type: IntegrationType = IntegrationType.EXTERNAL_API
    """What it is for."""
    enabled: bool = True
    """Whether `enable_all` opens it."""
    config: Annotated[dict[str, Any], Field(repr=False)] = {}  # Any: the kind's own model checks it
    """What the kind asks for, secrets included; shown nowhere."""
    timeout: Annotated[float, Field(gt=0, le=600)] = 30.0
    """Seconds for one attempt."""
    retry_policy: RetryPolicy = RetryPolicy()
    """When a call that failed is made again."""
    rate_limits: RateLimits = RateLimits()
    """How much is asked of the vendor at most, beside what the kind knows of it."""
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    """When a vendor that fails is left alone."""
