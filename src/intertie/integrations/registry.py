"""All connections of all tenants."""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from anyio import CapacityLimiter, create_task_group

from intertie.errors import ConflictError, IntertieError
from intertie.integrations.base import BaseIntegration, Health
from intertie.integrations.budget import allowance, share, unshare
from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.connector import Connector
from intertie.suite.values import DEFAULT_TENANT

log = logging.getLogger(__name__)

_AT_ONCE = 64


class IntegrationRegistry:
    """Opens what is enabled, looks after it, and closes it."""

    def __init__(self, tools: Tools | None = None) -> None:
        self._tools = tools
        self._known: dict[tuple[str, str], BaseIntegration] = {}

    @property
    def tools(self) -> Tools:
        """What all connections share; a pool of connections of its own unless it was given one."""
        if self._tools is None:
            from intertie.integrations.observe import Metrics
            from intertie.integrations.transport import AiohttpTransport

            self._tools = Tools(AiohttpTransport(), observers=(Metrics(),))
        return self._tools

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[BaseIntegration]:
        return iter(self._known.values())

    def register(
        self,
        kind: type[BaseIntegration] | str,
        config: IntegrationConfig,
        tenant_id: str = DEFAULT_TENANT,
    ) -> BaseIntegration:
        """A connection, not opened yet; `kind` is a class, or the name of one of the catalog.

        Raises ConflictError when the tenant has one of this name, InvalidError for its config.
        """
        key = (tenant_id, config.name)
        if key in self._known:
            raise ConflictError(f"cannot register {tenant_id}/{config.name}: there is one already")
        if isinstance(kind, str):
            from intertie.integrations.catalog import load

            kind = load(kind)
        made = kind(config, tenant_id)
        if isinstance(made, Connector):
            made.tools = self.tools
            share(made)
        if not config.enabled:
            made.status = IntegrationStatus.DISABLED
        self._known[key] = made
        return made

    def get(self, name: str, tenant_id: str | None = None) -> BaseIntegration | None:
        """The connection of this name; the tenant may be left out where only one has such a name.

        Raises ConflictError when several have it.
        """
        if tenant_id is not None:
            return self._known.get((tenant_id, name))
        found = [each for each in self._known.values() if each.config.name == name]
        if len(found) > 1:
            whose = ", ".join(sorted(each.tenant for each in found))
            raise ConflictError(f"cannot tell which {name!r} is meant: {whose} have one each")
        return found[0] if found else None

    def of(self, tenant_id: str) -> tuple[BaseIntegration, ...]:
        """All connections of a tenant."""
        return tuple(each for each in self._known.values() if each.tenant == tenant_id)

    async def remove(self, name: str, tenant_id: str = DEFAULT_TENANT) -> bool:
        """Close and forget one; whether there was one."""
        found = self._known.pop((tenant_id, name), None)
        if found is not None:
            self._unshare(found)
            await found.cleanup()
        return found is not None

    def _unshare(self, gone: BaseIntegration) -> None:
        if isinstance(gone, Connector):
            rest = [each for each in self.of(gone.tenant) if isinstance(each, Connector)]
            if allowance(gone) not in map(allowance, rest):
                unshare(gone)

    async def enable_all(self) -> Mapping[str, bool]:
        """Open all that is enabled, by label; one that fails holds up no other."""
        waiting = [each for each in self if each.status is not IntegrationStatus.DISABLED]
        return await self._each(waiting, self._open)

    async def check_all(self, *, unless_proved_s: float = 0.0) -> Mapping[str, Health]:
        """Look at all that is enabled now, by label.

        Those of which a call was answered less than `unless_proved_s` ago are left out: that is
        proof enough, and costs the vendor's allowance nothing.
        """
        waiting = [each for each in self if each.status is not IntegrationStatus.DISABLED]
        unproved = [each for each in waiting if not self._is_proved(each, unless_proved_s)]
        return await self._each(unproved, self.check)

    def _is_proved(self, connection: BaseIntegration, within_s: float) -> bool:
        if not isinstance(connection, Connector) or connection.proved_at is None:
            return False
        is_well = connection.status is IntegrationStatus.HEALTHY
        return is_well and self.tools.steady() - connection.proved_at < within_s

    async def check(self, connection: BaseIntegration) -> Health:
        """Look at one; a connector that fails to look is not healthy."""
        try:
            told = await connection.health_check()
            if not isinstance(connection, Connector):
                _note(connection, told)
        except Exception as exc:
            told = _failed(exc)
            _note(connection, told)
            log.exception("health check failed", extra={"integration": connection.label})
        return told

    async def aclose(self) -> None:
        """Close all, the pool of connections, and what libraries have open."""
        for each in tuple(self):
            try:
                await each.cleanup()
            except Exception:  # somebody else's code: the others are closed all the same
                log.exception("cleanup failed", extra={"integration": each.label})
        if self._tools is not None:
            await self._tools.transport.aclose()
            for shared in self._tools.shared.values():
                await shared.aclose()

    async def _open(self, connection: BaseIntegration) -> bool:
        try:
            opened = bool(await connection.initialize())
        except Exception as exc:  # the connector's own code, which may be anybody's
            _note(connection, _failed(exc))
            if not isinstance(exc, IntertieError):
                log.exception("integration not opened", extra={"integration": connection.label})
            return False
        if connection.status is IntegrationStatus.UNKNOWN:
            healthy = IntegrationStatus.HEALTHY if opened else IntegrationStatus.UNHEALTHY
            connection.status = healthy
        return opened

    async def _each(self, waiting: list[BaseIntegration], work: Any) -> dict[str, Any]:
        results: dict[str, Any] = {}
        limiter = CapacityLimiter(_AT_ONCE)

        async def one(connection: BaseIntegration) -> None:
            async with limiter:
                results[connection.label] = await work(connection)

        async with create_task_group() as group:
            for each in waiting:
                group.start_soon(one, each)
        return {each.label: results[each.label] for each in waiting}


def _note(connection: BaseIntegration, told: Health) -> None:
    healthy = bool(told.get("healthy"))
    connection.status = IntegrationStatus.HEALTHY if healthy else IntegrationStatus.UNHEALTHY
    connection.trouble = "" if healthy else str(told.get("error", "its own check says so"))


def _failed(exc: Exception) -> Health:
    return {
        "healthy": False,
        "response_time": 0.0,
        "timestamp": datetime.now(UTC).isoformat(),
        "error": str(exc) if isinstance(exc, IntertieError) else f"it raised {type(exc).__name__}",
    }
