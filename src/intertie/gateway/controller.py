"""Keeps Envoy's configuration at what the suite and its running replicas are."""

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from anyio import (
    TASK_STATUS_IGNORED,
    EndOfStream,
    Lock,
    move_on_after,
    sleep,
    to_thread,
)
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.errors import GatewayError
from intertie.event import (
    Event,
    GatewayApplied,
    HealthChanged,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from intertie.gateway.admin import Admin
from intertie.gateway.authz.client import has_taken
from intertie.gateway.authz.settings import AuthzSettings
from intertie.gateway.cache.settings import of_suite
from intertie.gateway.envoy import translate
from intertie.gateway.files import FileSink
from intertie.gateway.listener import bootstrap, flat, listener
from intertie.gateway.policy import revoked
from intertie.gateway.routes import Routes, Surroundings, build
from intertie.gateway.rules import authorizer_rules
from intertie.gateway.validate import unjudged, validate
from intertie.gateway.wall import TenantWall
from intertie.gateway.xds import STAT_PREFIX, Json, Resources
from intertie.plan import Replica, Snapshot
from intertie.runtime.component import Health, Status
from intertie.runtime.engines import GATEWAY, envoy_path
from intertie.runtime.hub import EventHub
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite

log = logging.getLogger(__name__)

CACHE_SETTINGS = "cache.json"
_DRAIN_S = 2.0
_RETRY_S = 5.0
_POLL_S = 0.02
_MOVES = frozenset(
    event.type for event in (ServiceStarted, ServiceStopped, ServiceFailed, HealthChanged)
)


class GatewayController:
    """A component: follows the supervisor's events, and writes what Envoy reads.

    `suite` has a gateway with a number as its port; `folder` is Envoy's working folder; `log_file`
    is where its standard error goes.
    """

    def __init__(
        self,
        suite: Suite,
        folder: Path,
        *,
        hub: EventHub,
        snapshot: Callable[[], Snapshot],
        around: Callable[[Suite], Surroundings],
        rules_file: Path | None = None,
        through: Callable[[Resources], Resources] | None = None,
        log_file: Path | None = None,
    ) -> None:
        self._suite = suite
        self._folder = folder
        self._hub = hub
        self._snapshot = snapshot
        self._around = around
        self._rules_file = rules_file
        self._through = through
        self._admin = Admin(folder)
        self._sink = FileSink(folder, log_file=log_file)
        self._wall = TenantWall(folder / "tenants.json")
        self._one_at_a_time = Lock()
        self._validated: tuple[Json, Resources] | None = None
        self._generation = ""
        self._told: dict[Path, str] = {}
        self._rules: AuthzSettings | None = None
        self._error = ""

    async def prepare(self) -> None:
        """Write the bootstrap and the first generation, so that Envoy can start.

        An Envoy that runs already is brought to it. Raises GatewayError.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        await to_thread.run_sync(self._wall.load)
        async with self._one_at_a_time:
            await self._publish()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component. Call `prepare` before."""
        task_status.started()
        while True:
            # The hub ends a subscription that fell too far behind; the next begins with a look.
            async with self._hub.subscribe() as events:
                await self.refresh()
                while await self._has_news(events):
                    await self.refresh()

    def health(self) -> Health:
        """See Component."""
        reason = self._error or self._wall.reason
        return Health(Status.DEGRADED, reason) if reason else Health(Status.UP)

    async def refresh(self) -> None:
        """Look again at all around the suite: replicas, keys, what is revoked.

        What is refused is in the health, and tried again.
        """
        async with self._one_at_a_time:
            try:
                await self._publish()
            except GatewayError as exc:
                log.error("gateway not changed", extra={"why": str(exc)})

    async def set_suite(self, suite: Suite) -> None:
        """Use the routes of another suite. Raises GatewayError; the old ones are live then.

        New routes of a tenant that are refused are in the health; all else is live then. A new
        address is Envoy's at its next start.
        """
        async with self._one_at_a_time:
            before, refused = self._suite, self._wall.refused
            self._suite, self._wall.refused = suite, {}
            try:
                await self._publish()
            except GatewayError:
                self._suite, self._wall.refused = before, refused
                raise

    async def drained(self, replica: Replica) -> None:
        """Return once nothing new comes to a replica that is marked as draining.

        Of Envoy itself: once it has answered all that it was asked. Gives up after 2 s: a stop must
        not hang on the gateway.
        """
        with move_on_after(_DRAIN_S) as scope:
            await (self._drain_envoy() if replica.service == GATEWAY else self.refresh())
        if scope.cancelled_caught:
            log.warning("replica not drained in time", extra={"service": replica.service})

    async def _has_news(self, events: MemoryObjectReceiveStream[Event]) -> bool:
        """Wait until replicas have moved, or until it is time to try again; False at the end."""
        with move_on_after(_RETRY_S if self._error else None):
            try:
                while (await events.receive()).type not in _MOVES:
                    pass
                # One look serves all that came meanwhile.
                while events.statistics().current_buffer_used:
                    events.receive_nowait()
            except EndOfStream:
                return False
        return True

    async def _drain_envoy(self) -> None:
        await self._admin.stop_listening()
        active = f"http.{STAT_PREFIX}.downstream_rq_active"
        while stats := await self._admin.stats(f"^{active}$"):
            if stats.get(active) == "0":
                return
            await sleep(_POLL_S)

    async def _publish(self) -> None:
        refused = self._wall.refused
        try:
            try:
                generation = await self._bring(refused)
            except GatewayError as exc:
                generation, refused = await self._bring_around(exc)
        except GatewayError as exc:
            self._error = str(exc)
            self._tell("", accepted=False, error=str(exc))
            raise
        is_news = generation != self._generation or refused != self._wall.refused
        await to_thread.run_sync(self._wall.settle, self._suite, refused)
        await to_thread.run_sync(self._write_bootstrap)
        self._error = ""
        if is_news:
            self._generation = generation
            self._tell(generation, accepted=True, error=self._wall.reason or None)

    async def _bring_around(self, fault: GatewayError) -> tuple[str, Mapping[str, str]]:
        """Bring Envoy to all but the new routes of those tenants that are at fault.

        Raises GatewayError when it is none of theirs.
        """
        suspects = self._wall.suspects(self._suite)
        if not suspects:
            raise fault
        refused = {**self._wall.refused, **dict.fromkeys(suspects, str(fault))}
        generation = await self._bring(refused)
        for name in suspects if len(suspects) > 1 else ():
            others = {key: why for key, why in refused.items() if key != name}
            try:
                generation = await self._bring(others)
                refused = others
            except GatewayError as exc:
                refused[name] = str(exc)
        for name, why in refused.items():
            log.error("routes of a tenant refused", extra={"tenant": name, "why": why})
        return generation, refused

    async def _bring(self, refused: Collection[str]) -> str:
        """Bring Envoy to the suite, less the new routes of these tenants; the generation."""
        routes = self._routes(self._wall.suite(self._suite, refused))
        resources = translate(routes)
        if self._through is not None:
            resources = self._through(resources)
        await self._validate(resources)
        await self._tell_helpers(routes)
        return await self._sink.publish(resources)

    def _routes(self, suite: Suite) -> Routes:
        services = self._snapshot().services
        endpoints = {name: service.endpoints for name, service in services.items()}
        return build(suite, endpoints, self._around(suite))

    async def _tell_helpers(self, routes: Routes) -> None:
        """Before Envoy: the authorizer refuses what it is asked about a route it does not know.

        It forgets a route one change later, when nobody asks about it any more.
        """
        told: dict[Path, str] = {}
        if self._rules_file is not None and routes.sockets.authorizer:
            rules = authorizer_rules(routes)
            known = _with_routes_of(rules, self._rules) if self._rules else rules
            self._rules = rules
            told[self._rules_file] = known.model_dump_json(exclude_defaults=True)
        if routes.caching is not None:
            cached = {rule.id: rule.route for rule in routes.rules if rule.is_cached}
            settings = of_suite(routes.caching, cached, folder=Path())
            told[self._folder / CACHE_SETTINGS] = settings.model_dump_json()
        for file, text in told.items():
            if self._told.get(file) != text:
                await to_thread.run_sync(_replace, file, text)
                self._told[file] = text
                if file == self._rules_file:
                    await self._taken_by_authorizer(routes, text)

    async def _taken_by_authorizer(self, routes: Routes, text: str) -> None:
        digest = sha256(text.encode()).hexdigest()
        if not await has_taken(self._folder / routes.sockets.authorizer, digest):
            log.warning("the authorizer still has other rules", extra={"generation": digest})

    async def _validate(self, resources: Resources) -> None:
        """Unless only endpoints, or what is revoked, differ from last time: those must be quick."""
        fixed = tuple(each for each in resources.filters if each["name"] != revoked.NAME)
        door = listener(self._gateway, self._port)
        shape = (door, replace(resources, endpoints=(), filters=fixed))
        if shape != self._validated:
            envoy = await to_thread.run_sync(envoy_path)
            known = self._validated
            part = unjudged(known[1] if known and known[0] == door else None, resources)
            await validate(envoy, self._folder, flat(self._gateway, self._port, part))
            self._validated = shape

    def _write_bootstrap(self) -> None:
        text = json.dumps(bootstrap(self._gateway, self._port), indent=1, sort_keys=True)
        _replace(self._folder / "bootstrap.json", text)

    @property
    def _gateway(self) -> Gateway:
        return self._suite.gateway or Gateway()

    @property
    def _port(self) -> int:
        port = self._gateway.port
        assert isinstance(port, int), "`auto` is resolved before"  # noqa: S101
        return port

    def _tell(self, generation: str, *, accepted: bool, error: str | None = None) -> None:
        payload = GatewayApplied(generation=generation, accepted=accepted, error=error)
        self._hub.publish(payload, "gateway")


def _with_routes_of(rules: AuthzSettings, before: AuthzSettings) -> AuthzSettings:
    """These, and what they no longer have."""
    return rules.model_copy(
        update={
            "routes": {**before.routes, **rules.routes},
            "documents": {**before.documents, **rules.documents},
            "max_body_bytes": max(before.max_body_bytes, rules.max_body_bytes),
        }
    )


def _replace(file: Path, text: str) -> None:
    """All at once: others read it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)
