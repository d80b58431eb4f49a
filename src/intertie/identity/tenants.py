"""The tenants of the suite: read, never written, here."""

from collections.abc import Mapping
from types import MappingProxyType

from intertie.errors import NotFoundError
from intertie.suite.identity import Tenant
from intertie.suite.values import DEFAULT_TENANT


class Tenants:
    """Tenants by name; the default one is always there."""

    def __init__(self, declared: Mapping[str, Tenant]) -> None:
        self._all = MappingProxyType({DEFAULT_TENANT: Tenant(), **declared})

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self._all)

    def get(self, name: str) -> Tenant:
        """Raises NotFoundError."""
        if name not in self._all:
            raise NotFoundError(f"cannot find tenant {name!r}: add it to `tenants:` of the suite")
        return self._all[name]

    def of_host(self, host: str) -> str | None:
        """Whose host this is; a port and a trailing dot do not matter."""
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        wanted = name.rstrip(".").lower()
        found = (tenant for tenant, told in self._all.items() if wanted in told.domains)
        return next(found, None)
