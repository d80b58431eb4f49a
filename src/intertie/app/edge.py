"""The edge of a suite: its gateway, what runs beside that, and the sidecars of its services."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from anyio import TASK_STATUS_IGNORED, sleep_forever, to_thread
from anyio.abc import TaskGroup, TaskStatus

from intertie.app.credentials import sealed_keys
from intertie.app.identity import DOOR, RULES, door_service, needs_door, settings_of
from intertie.app.identity import issuer as issuer_of
from intertie.errors import ConflictError
from intertie.plan import Replica, Snapshot
from intertie.runtime.engines import GATEWAY, gateway_service
from intertie.runtime.environment import url_variable
from intertie.runtime.folder import StateFolder
from intertie.runtime.hub import EventHub
from intertie.runtime.logs import Source, log_path
from intertie.runtime.ports import Ports
from intertie.suite.gateway import Gateway
from intertie.suite.gateway_files import described, located
from intertie.suite.health import FileProbe, Healthcheck
from intertie.suite.load import Loaded
from intertie.suite.model import Suite
from intertie.suite.restart import Restart
from intertie.suite.service import Service

if TYPE_CHECKING:
    from intertie.control.openapi import Imports
    from intertie.gateway.certificate_files import CertificateFiles
    from intertie.gateway.controller import GatewayController
    from intertie.gateway.mesh.controller import MeshController
    from intertie.gateway.mesh.layout import Layout
    from intertie.gateway.routes import Surroundings
    from intertie.gateway.xds import Resources
    from intertie.identity.authority import Authority
    from intertie.identity.identities import Identities
    from intertie.identity.issuer import Issuer
    from intertie.identity.tokens.revocation import Revocations

CACHE = "gateway.cache"
"""The response cache, as a service."""
ENGINES = frozenset({GATEWAY, DOOR, CACHE})
_CACHE_SETTINGS = "cache.json"
_SIDECAR = "mesh."
_EXPIRED_S = 5.0


class Edge:
    """What the gateway, sidecars and helpers of a suite are, and what becomes of them.

    `left` are services that a killed daemon left running, with their ports. Libraries of parts
    that a suite does not have are not loaded.
    """

    def __init__(
        self, folder: StateFolder, suite_folder: Path, *, left: Mapping[str, int | None]
    ) -> None:
        self._folder = folder
        self._suite_folder = suite_folder
        self._left = left
        self._counts: bool | None = None
        """Whether statuses are: the same for this daemon's life, or Envoy would start anew."""
        self._port = left.get(GATEWAY)
        self._wanted: Suite | None = None
        self._snapshot: Callable[[], Snapshot] | None = None
        self._gateway: GatewayController | None = None
        self._mesh: MeshController | None = None
        self._certificates: CertificateFiles | None = None
        self._keys: Mapping[str, str] = {}
        self._keys_seen: object = None
        self.imports: Imports | None = None
        """What the suite's documents say, if there are any."""
        self.revocations: Revocations | None = None
        """What was taken back, once it is known."""

    def with_documents(self, suite: Suite, loaded: Loaded) -> Suite:
        """What the suite's documents say becomes routes. Raises SuiteError."""
        if suite.gateway is None or not suite.gateway.openapi:
            return suite
        from intertie.control.openapi import import_documents, keep

        self.imports = import_documents(suite, loaded)
        keep(self.imports.copies, self._folder.identity)
        return self.imports.suite

    def with_port(self, suite: Suite) -> Suite:
        """`auto` becomes one port for this daemon's life, so that clients keep their address.

        Files that Envoy itself reads get their whole path.
        """
        if suite.gateway is None:
            return suite
        gateway = located(suite.gateway, self._suite_folder)
        if gateway.port == "auto":
            if self._port is None:
                self._port = Ports().take(GATEWAY)
            gateway = gateway.model_copy(update={"port": self._port})
        if gateway.count_statuses is None:
            if self._counts is None:
                self._counts = suite.monitoring is not None
            gateway = gateway.model_copy(update={"count_statuses": self._counts})
        return suite.model_copy(update={"gateway": gateway})

    def with_engines(self, suite: Suite, services: Mapping[str, Service]) -> dict[str, Service]:
        """The services of a suite, and those that its edge is made of."""
        self._wanted = suite
        made = self._with_sidecars(suite, services)
        gateway = suite.gateway
        if gateway is None:
            return made
        made[GATEWAY] = gateway_service(gateway, self._folder.envoy)
        if needs_door(suite):
            made[DOOR] = door_service(settings_of(suite, self._suite_folder), self._folder)
        if gateway.cache is not None:
            made[CACHE] = self._cache_service()
        return made

    def require_same(self, before: Suite, after: Suite) -> None:
        """Raise ConflictError for a change that only a new daemon can make."""
        if (before.gateway is None) != (after.gateway is None):
            what = "take the gateway away from" if after.gateway is None else "add a gateway to"
            raise ConflictError(f"cannot {what} a running suite: run `intertie down`, then `up`")
        if (before.gateway and before.gateway.tls) != (after.gateway and after.gateway.tls):
            raise ConflictError(
                "cannot change `gateway.tls` of a running suite: run `intertie down`, then `up`;"
                " certificates that are replaced in their files are taken at once"
            )
        if _has_mesh(before) != _has_mesh(after):
            what = "add a mesh to" if _has_mesh(after) else "take the mesh away from"
            raise ConflictError(f"cannot {what} a running suite: run `intertie down`, then `up`")

    def build(self, suite: Suite, hub: EventHub, snapshot: Callable[[], Snapshot]) -> None:
        """Make the parts that follow the suite."""
        self._snapshot = snapshot
        if _has_mesh(suite):
            self._mesh = self._make_mesh(suite, hub, snapshot)
        if suite.gateway is None:
            return
        from intertie.gateway.controller import GatewayController

        if suite.gateway.tls is not None:
            from intertie.gateway.certificate_files import CertificateFiles

            self._certificates = CertificateFiles(
                suite.gateway.tls,
                self._folder.envoy,
                base=self._suite_folder,
                authority=self._authority,
                now=_now,
            )
        self._gateway = GatewayController(
            suite,
            self._folder.envoy,
            hub=hub,
            snapshot=snapshot,
            around=self._around,
            through=self._through if self._mesh is not None else None,
            rules_file=self._folder.identity / RULES,
            log_file=log_path(self._folder.logs, Source(GATEWAY, 0, "err")),
        )

    async def start(self, components: TaskGroup) -> None:
        """Write all that Envoys start from, and follow what moves. Raises GatewayError."""
        for part in (self._mesh, self._certificates, self._gateway):
            if part is not None:
                await part.prepare()
                await components.start(part.run)
        await to_thread.run_sync(self._forget_documents)
        await components.start(self._sweep)

    async def refresh(self) -> None:
        """Look again at what lets people in."""
        if self._gateway is not None:
            await self._gateway.refresh()

    async def look_at_keys(self, identities: "Identities") -> bool:
        """Take the API keys that Envoy itself compares; whether they are others than before."""
        gateway = self._wanted.gateway if self._wanted else None
        found: Mapping[str, str] = {}
        if gateway is not None and gateway.security.authentication.api_keys == "sealed":
            # What has come to its end changes nothing else: now and then all are looked at.
            seen = (await identities.revision(), int(time() / _EXPIRED_S))
            if seen == self._keys_seen:
                return False
            self._keys_seen = seen
            found = await sealed_keys(identities)
        before, self._keys = self._keys, found
        return before != found

    async def drained(self, replica: Replica) -> None:
        """Nothing new comes to a replica that is marked as draining."""
        if self._mesh is not None:
            await self._mesh.drained(replica)
        if self._gateway is not None:
            await self._gateway.drained(replica)

    async def set_suite(self, suite: Suite) -> None:
        """Use the routes and rights of another suite. Raises GatewayError; the old ones stay."""
        if self._mesh is not None:
            from intertie.gateway.mesh.controller import domain_of

            assert suite.mesh is not None, "a mesh is neither added nor taken away"  # noqa: S101
            is_last = self._wanted is not None and suite == self._wanted
            beside = None if is_last else self._mesh.domain
            await self._mesh.set_domain(domain_of(suite, suite.mesh, self._layout, beside=beside))
        if self._gateway is not None:
            await self._gateway.set_suite(suite)

    def variables(self, service: str, urls: Mapping[str, str]) -> Mapping[str, str]:
        """Where a service finds the others: INTERTIE_URL_<NAME>."""
        if self._mesh is None:
            return {url_variable(name): url for name, url in urls.items() if name != service}
        domain = self._mesh.domain
        from intertie.gateway.mesh.sidecar import variables

        return variables(service, urls, members=domain.members, doors=domain.doors)

    @cached_property
    def issuer(self) -> "Issuer":
        """Signs the gateway's tokens. Made on first use: its library takes a while to load."""
        from intertie.identity.issuer import Issuer

        assert self._wanted is not None, "a suite is loaded first"  # noqa: S101
        return Issuer.open(self._folder.keys, url=issuer_of(self._wanted))

    @cached_property
    def _authority(self) -> "Authority":
        from intertie.identity.authority import Authority

        assert self._wanted is not None, "a suite is loaded first"  # noqa: S101
        return Authority.open(self._folder.keys, self._wanted.suite, now=_now)

    @cached_property
    def _layout(self) -> "Layout":
        from intertie.gateway.mesh.layout import Layout

        left = [name.removeprefix(_SIDECAR) for name in self._left if name.startswith(_SIDECAR)]
        return Layout.open(self._mesh_folder, Ports(), running=left)

    def _through(self, resources: "Resources") -> "Resources":
        """The gateway comes to services through their sidecars, too."""
        from intertie.gateway.mesh.envoy import through

        return through(resources, self._mesh.domain) if self._mesh is not None else resources

    @property
    def _mesh_folder(self) -> Path:
        return self._folder.run / "mesh"

    def _forget_documents(self) -> None:
        """Those of suites before this one. While a daemon lives they stay: a change may fail."""
        suite = self._wanted
        if suite is None or suite.gateway is None or not suite.gateway.openapi:
            return
        from intertie.control.openapi import forget_others

        forget_others(suite, self._folder.identity)

    async def _sweep(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """At the end: sockets that processes of the edge left, once none of these is there."""
        task_status.started()
        try:
            await sleep_forever()
        finally:
            services = self._snapshot().services if self._snapshot is not None else {}
            engines = [each for name, each in services.items() if is_engine(name)]
            if not any(one.pid is not None for each in engines for one in each.replicas):
                for folder in (self._folder.envoy, self._mesh_folder):
                    for left in folder.rglob("*.sock"):
                        left.unlink(missing_ok=True)

    def _with_sidecars(self, suite: Suite, services: Mapping[str, Service]) -> dict[str, Service]:
        if suite.mesh is None or not suite.mesh.enabled:
            return dict(services)
        from intertie.gateway.mesh.controller import domain_of
        from intertie.gateway.mesh.sidecar import with_sidecars

        domain = domain_of(suite, suite.mesh, self._layout)
        return with_sidecars(services, domain.doors, self._mesh_folder)

    def _make_mesh(
        self, suite: Suite, hub: EventHub, snapshot: Callable[[], Snapshot]
    ) -> "MeshController":
        from intertie.gateway.mesh.certificates import Certificates
        from intertie.gateway.mesh.controller import MeshController, domain_of

        assert suite.mesh is not None, "asked for only where there is one"  # noqa: S101
        certificates = Certificates(
            self._authority, lifetime_s=suite.mesh.certificate_lifetime, now=_now
        )
        return MeshController(
            domain_of(suite, suite.mesh, self._layout),
            self._mesh_folder,
            hub=hub,
            snapshot=snapshot,
            certificates=certificates,
            gateway=self._folder.envoy if suite.gateway else None,
        )

    def _cache_service(self) -> Service:
        return Service(
            command=(sys.executable, "-m", "intertie.gateway.cache", _CACHE_SETTINGS),
            working_dir=str(self._folder.envoy),
            healthcheck=Healthcheck(
                file=FileProbe(path="cache.sock"), interval=1.0, start_period=30.0
            ),
            restart=Restart(policy="always", max_attempts=None),
            stop_grace_period=5.0,
        )

    def _around(self, suite: Suite) -> "Surroundings":
        """What routes need to know beside the suite, as it is now."""
        from intertie.gateway.routes import Sockets, Surroundings

        sockets = Sockets(
            authorizer="authz.sock" if needs_door(suite) else "",
            login="login.sock" if suite.identity is not None else "",
            webhooks="webhooks.sock" if suite.integrations else "",
        )
        issuers = (suite.gateway or Gateway()).security.authentication.issuers
        named = {each.jwks_file for each in issuers if each.jwks_file}
        return Surroundings(
            issuer=self.issuer.url,
            jwks=self.issuer.jwks(),
            files={name: (self._suite_folder / name).read_text() for name in named},
            sockets=sockets,
            descriptors=described(suite, self._suite_folder),
            keys=self._keys,
            revoked=self.revocations.entries() if self.revocations else (),
        )


def is_engine(name: str) -> bool:
    """Whether a service is a part of the edge, and none of the suite's own."""
    return name in ENGINES or name.startswith(_SIDECAR)


def _has_mesh(suite: Suite) -> bool:
    return suite.mesh is not None and suite.mesh.enabled


def _now() -> datetime:
    return datetime.now(UTC)
