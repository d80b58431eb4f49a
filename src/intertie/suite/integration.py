"""Connections to services outside: of which kind each is, and how much is asked of it."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from intertie.suite.values import DEFAULT_TENANT, Count, Flag, Model, Name, Period

# Any, in what follows: JSON values, checked by the model of the kind.


class RetryPolicy(Model):
    """When a call that failed is made again."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """The first one included."""
    backoff_multiplier: Annotated[float, Field(ge=1, le=10)] = 2.0
    """How much longer each pause is than the one before."""
    initial_delay: Annotated[float, Field(gt=0, le=60)] = 0.5
    """Seconds before the second attempt, at most: the pause is drawn between 0 and this."""
    max_delay: Annotated[float, Field(gt=0, le=300)] = 30.0
    """Seconds that no pause is longer than; a vendor that asks for more is not waited for."""


class RateLimits(Model):
    """How much is asked of the vendor at most."""

    requests_per_minute: Count | None = None
    """In any 60 seconds."""
    burst_limit: Count | None = None
    """In any second."""


class CircuitBreaker(Model):
    """When a vendor that fails is left alone."""

    failure_threshold: Count = 5
    """Failures one after the other."""
    recovery_timeout: Annotated[float, Field(gt=0)] = 60.0
    """Seconds until one call tries whether it is well again."""


class Integration(Model):
    """One connection, or one for each of some tenants."""

    kind: Name
    """Of the catalogue, such as `spotify`; `intertie integrations kinds` lists all."""
    enabled: Flag = True
    """Whether it is opened with the suite."""
    tenants: tuple[Name, ...] | None = None
    """Whose it is; each gets a connection of its own. None is the default tenant."""
    feature: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Tenants that have not bought this get none."""
    timeout: Period = 30.0
    """For one attempt."""
    retry_policy: RetryPolicy = RetryPolicy()
    """When a call that failed is made again."""
    rate_limits: RateLimits = RateLimits()
    """How much is asked at most, beside what the kind knows of its vendor."""
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    """When a vendor that fails is left alone."""
    config: dict[str, Any] = {}
    """What the kind asks for; secrets are references."""


class IntegrationChange(Model):
    """What a tenant has otherwise; all else is as the suite has it."""

    enabled: Flag | None = None
    """Whether it is opened with the suite."""
    timeout: Period | None = None
    """For one attempt."""
    retry_policy: dict[str, Any] = {}
    """When a call that failed is made again."""
    rate_limits: dict[str, Any] = {}
    """How much is asked at most."""
    circuit_breaker: dict[str, Any] = {}
    """When a vendor that fails is left alone."""
    config: dict[str, Any] = {}
    """What the kind asks for; secrets are references."""


def merged(base: Integration, change: IntegrationChange | None) -> Integration:
    """The connection as one tenant has it. Raises pydantic.ValidationError."""
    if change is None:
        return base
    told: dict[str, Any] = base.model_dump()
    for key, value in change.model_dump(exclude_unset=True, exclude_none=True).items():
        told[key] = {**told[key], **value} if isinstance(value, dict) else value
    return Integration.model_validate(told)


def owners(connection: Integration) -> tuple[str, ...]:
    """The tenants that have it."""
    return connection.tenants if connection.tenants is not None else (DEFAULT_TENANT,)


Changes = Mapping[str, Mapping[str, IntegrationChange]]
"""Of each tenant, by the names of connections."""


def unfit(integrations: Mapping[str, Integration], changes: Changes) -> Iterator[tuple[str, str]]:
    """Connections of tenants that there are not, or that make no sense: the key, and why."""
    for name, connection in integrations.items():
        for tenant in owners(connection):
            if tenant not in changes and tenant != DEFAULT_TENANT:
                yield "integrations", f"`{name}` is for {tenant!r}, which is no tenant"
    for tenant, of_tenant in changes.items():
        for name, change in of_tenant.items():
            if name not in integrations:
                yield "tenants", f"`{tenant}` changes integration {name!r}, which is not here"
                continue
            try:
                merged(integrations[name], change)
            except ValidationError as exc:
                first = exc.errors(include_url=False, include_input=False)[0]
                place = ".".join(map(str, first["loc"]))
                yield "tenants", f"`{tenant}.integrations.{name}.{place}`: {first['msg']}"
