"""Connections as a suite declares them: one for each tenant, and where each setting is from."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from intertie.errors import NotFoundError, SuiteError
from intertie.integrations.catalog import is_known, load, near
from intertie.integrations.config import IntegrationConfig
from intertie.suite.identity import Tenant
from intertie.suite.integration import Integration, merged, owners
from intertie.suite.load import Loaded
from intertie.suite.tree import Keys, dotted
from intertie.suite.values import DEFAULT_TENANT

Resolve = Callable[[str], str]
"""Text with secrets in place of their references."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One connection that is wanted."""

    tenant: str
    name: str
    told: Integration
    """As this tenant has it; secrets are references."""

    def config(self, resolve: Resolve) -> IntegrationConfig:
        """With its secrets. Raises IntertieError for one that is not there."""
        told = self.told
        return IntegrationConfig(
            name=self.name,
            enabled=told.enabled,
            config={key: _resolved(value, resolve) for key, value in told.config.items()},
            timeout=told.timeout,
            retry_policy=told.retry_policy,
            rate_limits=told.rate_limits,
            circuit_breaker=told.circuit_breaker,
        )


def declared(
    integrations: Mapping[str, Integration], tenants: Mapping[str, Tenant]
) -> Iterator[Declared]:
    """All that are wanted. Tenants that lack a feature get none that asks for it."""
    for name, integration in integrations.items():
        for tenant in owners(integration):
            of = tenants.get(tenant)
            has = of is not None and integration.feature in of.features
            if integration.feature is None or has:
                change = of.integrations.get(name) if of else None
                yield Declared(tenant, name, merged(integration, change))


def check_kinds(loaded: Loaded) -> None:
    """Raise SuiteError for each kind that there is none of, with the nearest word."""
    faults = [
        loaded.places["integrations", name, "kind"].fault(
            ("integrations", name, "kind"), f"no kind is called {each.kind!r}", near(each.kind)
        )
        for name, each in loaded.suite.integrations.items()
        if not is_known(each.kind)
    ]
    if faults:
        raise SuiteError(faults)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a connection."""

    key: str
    value: str
    origin: str
    """A place in a file, the tenant's or the suite's; `default`, or the kind's."""


def origins(loaded: Loaded, name: str, tenant: str = DEFAULT_TENANT) -> Sequence[Setting]:
    """All settings of a connection, and where each is from. Raises NotFoundError."""
    suite = loaded.suite
    wanted = declared(suite.integrations, suite.tenants)
    found = next((each for each in wanted if (each.tenant, each.name) == (tenant, name)), None)
    if found is None:
        raise NotFoundError(f"cannot explain integration {name[:80]!r}: {tenant} has none")
    flat = _flat((), found.told.model_dump(mode="json", exclude={"tenants", "feature"}))
    said = [
        Setting(dotted(keys), _text(value), _origin(loaded, found, keys)) for keys, value in flat
    ]
    return [*said, *_of_kind(found.told.kind)]


def _origin(loaded: Loaded, found: Declared, keys: Keys) -> str:
    own: Keys = ("tenants", found.tenant, "integrations", found.name, *keys)
    if loaded.places.has(own):
        return f"{loaded.places[own]} (tenant {found.tenant})"
    shared: Keys = ("integrations", found.name, *keys)
    return str(loaded.places[shared]) if loaded.places.has(shared) else "default"


def _of_kind(kind: str) -> Iterator[Setting]:
    from intertie.integrations.rest import RestIntegration

    cls = load(kind)
    if issubclass(cls, RestIntegration):
        yield Setting("base", cls.base, f"kind {kind}")
        for field in ("requests_per_minute", "burst_limit", "per"):
            value = getattr(cls.limits, field)
            if value is not None:
                yield Setting(f"limits.{field}", _text(value), f"kind {kind}")


def _flat(keys: Keys, value: object) -> Iterator[tuple[Keys, object]]:
    if isinstance(value, dict) and (value or not keys):
        for key, each in value.items():
            yield from _flat((*keys, key), each)
    elif value not in ({}, None):
        yield keys, value


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _resolved(value: JsonValue, resolve: Resolve) -> Any:  # Any: JSON values
    if isinstance(value, str):
        return resolve(value)
    if isinstance(value, list):
        return [_resolved(each, resolve) for each in value]
    if isinstance(value, dict):
        return {key: _resolved(each, resolve) for key, each in value.items()}
    return value
