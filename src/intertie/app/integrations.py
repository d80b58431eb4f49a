"""The suite's connections to services outside: opened, looked at, and changed with the file."""

import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from random import uniform
from typing import TYPE_CHECKING

from anyio import TASK_STATUS_IGNORED, Event, create_task_group, move_on_after, to_thread
from anyio.abc import TaskGroup, TaskStatus

from intertie.errors import ConflictError, IntertieError
from intertie.runtime.component import Health, Status
from intertie.suite.bus import QueueType
from intertie.suite.model import Suite
from intertie.suite.secret import lookup, resolve
from intertie.suite.values import DEFAULT_TENANT
from intertie.trace_context import Tracer

if TYPE_CHECKING:  # with all that they import, needed by suites that have integrations only
    from intertie.app.webhooks import Webhooks
    from intertie.identity.audit import Audit
    from intertie.identity.sealed import Sealer
    from intertie.integrations.declared import Declared
    from intertie.integrations.grants import GrantDesk
    from intertie.integrations.message import Transport
    from intertie.integrations.registry import IntegrationRegistry
    from intertie.integrations.vault import Vault
    from intertie.runtime.folder import StateFolder
    from intertie.suite.bus import QueueConfig

log = logging.getLogger(__name__)

_LOOK_S = 60.0
_MASTER, _RECORDS = "master.json", "integrations.db"
Key = tuple[str, str]


class SuiteIntegrations:
    """A component; nothing is loaded before the suite has an integration."""

    def __init__(
        self,
        folder: "StateFolder",
        suite: Callable[[], Suite],
        *,
        counters: "Callable[[], QueueConfig | None]",
        audit: "Audit | None" = None,
        tracer: Tracer | None = None,
    ) -> None:
        """`counters` is the engine that processes share budgets through, if there is one."""
        self._folder = folder
        self._suite = suite
        self._counters = counters
        self._audit = audit
        self._tracer = tracer or Tracer()
        self._bell = Event()
        self._known: dict[Key, Declared] = {}
        self.refused: dict[str, str] = {}
        """Connections that could not be made, by label, and why."""
        self.sealed_off = ""
        """Why no grants can be kept, if so."""
        self.desk: GrantDesk | None = None
        """Where grants are, once there are any integrations."""
        self.sealer: Sealer | None = None
        self.vault: Vault | None = None
        """Where secrets are, and the master key over it."""
        self.registry: IntegrationRegistry | None = None
        """Once there are any."""

    def renew(self) -> None:
        """The suite is another one."""
        self._bell.set()

    async def rotate_keys(self) -> int:
        """Make a new master key, if it is in a file, and a new key for each tenant.

        Returns how many things were sealed anew; keys of tenants from before still open what waits
        elsewhere. Raises ConflictError without a vault.
        """
        if self.vault is None or self.sealer is None:
            raise ConflictError(f"cannot rotate keys: {self.sealed_off or 'nothing is sealed'}")
        in_file = self._suite().sealing.master == "file"
        if in_file:
            await to_thread.run_sync(self.sealer.rotate)
        count = await self.vault.reseal_keys()
        for tenant in (DEFAULT_TENANT, *self._suite().tenants):
            await self.vault.rotate(tenant)
            count += await self.vault.reseal(tenant)
        if in_file:
            await to_thread.run_sync(self.sealer.retire)
        return count

    def health(self) -> Health:
        """DEGRADED while one that is enabled is not healthy."""
        bad = [f"{label}: {why}" for label, why in self.refused.items()]
        bad += [self.sealed_off] if self.sealed_off else []
        for each in self.registry or ():
            if each.trouble:
                bad.append(f"{each.label}: {each.trouble}")
        return Health(Status.DEGRADED, "; ".join(bad)) if bad else Health(Status.UP)

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component."""
        task_status.started()
        while not self._suite().integrations:
            await self._bell.wait()
            self._bell = Event()
        async with AsyncExitStack() as stack, create_task_group() as group:
            self.registry = await stack.enter_async_context(self._open(stack, group))
            while True:
                await self._follow(self.registry)
                with move_on_after(uniform(0.8, 1.2) * _LOOK_S):  # noqa: S311 - no secret
                    await self._bell.wait()
                    self._bell = Event()

    def _records(self) -> str:
        folder = self._folder.integrations.resolve()
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / _RECORDS).touch(mode=0o600)
        return f"sqlite://{folder}/{_RECORDS}"

    async def _master(self, transport: "Transport") -> "Sealer":
        """Where the suite says that it is. Raises IntertieError."""
        from intertie.integrations import master

        sealing = self._suite().sealing
        find = lookup(os.environ, self._folder.secrets)
        if sealing.master == "secret":
            text = resolve(sealing.secret or "", find)
            return master.from_secret(text, where="`sealing.secret`")
        if sealing.master == "keyring":
            return await master.from_keyring()
        if sealing.master == "kv" and sealing.kv is not None:
            told = {**sealing.kv.model_dump(), "token": resolve(sealing.kv.token, find)}
            return await master.from_kv(transport, master.KvPlace(**told))
        return await master.from_file(self._folder.integrations / _MASTER)

    @asynccontextmanager
    async def _open(
        self, stack: AsyncExitStack, group: TaskGroup
    ) -> "AsyncIterator[IntegrationRegistry]":
        made = await to_thread.run_sync(_Libraries)
        tools = made.Tools(made.AiohttpTransport(), tenant_rates=self._tenant_rates())
        try:
            records = await stack.enter_async_context(made.open_records(self._records()))
            sealer = await self._master(tools.transport)
            self.sealer, self.vault = sealer, await made.Vault.open(records, sealer)
            tools.grants = self.desk = made.GrantDesk(records, self.vault)
        except IntertieError as exc:
            # Connections that need no grant work all the same.
            self.sealed_off = str(exc)
            log.error("grants cannot be used", extra={"why": str(exc)})
        trail = made.Trail(self._audit) if self._audit is not None else None
        tools.observers = (
            made.Metrics(),
            made.Traced(self._tracer),
            *([trail] if trail else ()),
        )
        engine = self._counters()
        if engine is not None and engine.queue_type is QueueType.REDIS:
            tools.counters = shared = made.SharedCounters(engine, prefix="intertie:calls")
            await group.start(shared.run)
        if trail is not None:
            await group.start(trail.run)
        registry = made.IntegrationRegistry(tools)
        if self.vault is not None and self._suite().gateway is not None:
            await group.start(self._webhooks(registry, self.vault).run)
        try:
            yield registry
        finally:
            await registry.aclose()

    async def _follow(self, registry: "IntegrationRegistry") -> None:
        """Make what is wanted and is not there, end what is not wanted, look at all."""
        from intertie.integrations.declared import declared

        suite = self._suite()
        registry.tools.tenant_rates = self._tenant_rates()
        wanted = {(d.tenant, d.name): d for d in declared(suite.integrations, suite.tenants)}
        for key in [key for key, told in self._known.items() if wanted.get(key) != told]:
            del self._known[key]
            await registry.remove(key[1], key[0])
        self.refused = {}
        for key, told in wanted.items():
            if key not in self._known:
                await self._make(registry, told)
        await registry.check_all(unless_proved_s=_LOOK_S)

    async def _make(self, registry: "IntegrationRegistry", told: "Declared") -> None:
        from intertie.integrations.connector import Connector

        find = lookup(os.environ, self._folder.secrets)
        try:
            config = told.config(partial(resolve, find=find))
            made = registry.register(told.told.kind, config, told.tenant)
            if self.desk is not None and isinstance(made, Connector):
                await self.desk.load(made)
        except IntertieError as exc:
            label = f"{told.tenant}/{told.name}"
            self.refused[label] = str(exc)
            log.error("integration not made", extra={"integration": label, "why": str(exc)})
        else:
            self._known[told.tenant, told.name] = told

    def _webhooks(self, registry: "IntegrationRegistry", vault: "Vault") -> "Webhooks":
        from intertie.api.listen import bind_socket
        from intertie.app.identity import public_url
        from intertie.app.webhooks import SOCKET, Webhooks
        from intertie.drivers.unix import short_path

        suite = self._suite()
        with short_path(self._folder.envoy) as folder:
            listener = bind_socket(folder / SOCKET)
        return Webhooks(
            registry,
            vault,
            ledger=self._folder.integrations / "webhooks.db",
            listener=listener,
            public_url=public_url(suite),
            bus=self._counters(),
            source=f"intertie/{suite.suite}",
        )

    def _tenant_rates(self) -> Mapping[str, int]:
        rates = {
            name: each.rate_limits.requests_per_minute
            for name, each in self._suite().tenants.items()
        }
        return {name: rate for name, rate in rates.items() if rate}


class _Libraries:
    """What is needed once there are integrations; imported away from the event loop."""

    def __init__(self) -> None:
        from intertie.integrations.call import Tools
        from intertie.integrations.grants import GrantDesk
        from intertie.integrations.observe import Metrics
        from intertie.integrations.registry import IntegrationRegistry
        from intertie.integrations.traced import Traced
        from intertie.integrations.trail import Trail
        from intertie.integrations.transport import AiohttpTransport
        from intertie.integrations.vault import Vault
        from intertie.limits.shared import SharedCounters
        from intertie.store import open_records

        self.open_records = open_records
        self.GrantDesk, self.Vault = GrantDesk, Vault
        self.Tools, self.Metrics, self.Trail, self.Traced = Tools, Metrics, Trail, Traced
        self.IntegrationRegistry = IntegrationRegistry
        self.AiohttpTransport, self.SharedCounters = AiohttpTransport, SharedCounters
