"""What is wanted: the suite file as frozen values.

Where Docker Compose has a key for a thing, ours has the same name and meaning; each field's
description is published in the JSON Schema. Interpolation, overlays and `extends` are done before
these models see the data (`suite.load`); rules across services are checked in `suite.check`.
"""

from typing import Annotated, Literal, Self, cast

from pydantic import Field, model_validator

from intertie.suite.api_integration import ApiIntegration
from intertie.suite.bus import Bus
from intertie.suite.gateway import Gateway
from intertie.suite.identity import Identity, Tenant
from intertie.suite.integration import Integration, unfit
from intertie.suite.logging import SuiteLogging, unknown_targets
from intertie.suite.mesh import Mesh, unknown_names
from intertie.suite.monitoring import Monitoring
from intertie.suite.plugins import Plugins
from intertie.suite.recovery import Automation
from intertie.suite.remediation import missing
from intertie.suite.sealing import Sealing
from intertie.suite.service import Service
from intertie.suite.values import Model, Name, Port, Roles, at


class ApiRoles(Model):
    """Which roles open the management API, beside its own key. Who may write may read."""

    write: Roles = ("admin", "superuser")
    """May change things."""
    read: Roles = ("user", "readonly")
    """May look."""


class Api(Model):
    """The management API."""

    host: str = "127.0.0.1"
    """Address it listens on."""
    port: Port = 8080
    """Port it listens on."""
    grpc_port: Port | None = None
    """Port of the same over gRPC; None listens on none."""
    roles: ApiRoles = ApiRoles()
    """Which roles open it, beside its own key."""


class Suite(Model):
    """Everything wanted, after interpolation, overlays and checks."""

    suite: Name
    """Its name."""
    services: Annotated[dict[Name, Service], Field(min_length=1)]
    """The programs, by name."""
    gateway: Gateway | None = None
    """None is run unless this is given."""
    api: Api = Api()
    """Where the management API listens."""
    identity: Identity | None = None
    """Users, how they log in, and what they may do; `{}` is all of it by default. Without it the
    gateway knows tokens only."""
    tenants: dict[Name, Tenant] = {}
    """Customers, apart from each other."""
    api_integration: ApiIntegration | None = None
    """How programs are to talk to the management API."""
    bus: Bus | None = None
    """None is run unless this is given; `{}` is an embedded one."""
    integrations: dict[Name, Integration] = {}
    """Connections to services outside, by name."""
    sealing: Sealing = Sealing()
    """Where the master key is, under which secrets of integrations are sealed at rest."""
    mesh: Mesh | None = None
    """None lets services call each other directly; `{}` gives each a sidecar."""
    plugins: Plugins | None = None
    """Python code that is called at moments of the suite's life; without this, a folder `plugins/`
    beside the file is looked into, if there is one."""
    logging: SuiteLogging = SuiteLogging()
    """Where log lines are sent, beside the files that hold them."""
    monitoring: Monitoring | None = None
    """What is measured, and who is told when that is not well; `{}` measures all there is each
    minute. Without it nothing is kept."""
    automation: Automation = Automation()
    """What is done without being asked for."""
    orphans: Literal["adopt", "reap"] = "adopt"
    """Services that a killed daemon left running are taken over, or ended and started anew."""

    @model_validator(mode="before")
    @classmethod
    def _grpc_has_a_port(cls, data: object) -> object:
        suite = cast("dict[str, object]", data) if isinstance(data, dict) else {}
        wanted, api = suite.get("api_integration"), suite.get("api", {})
        patterns = wanted.get("patterns") if isinstance(wanted, dict) else None
        if isinstance(patterns, list) and "grpc" in patterns and isinstance(api, dict):
            return {**suite, "api": {"grpc_port": "auto", **api}}
        return data

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, service in self.services.items():
            for target in unknown_targets(service.logging, self.logging.forward):
                raise at("logging", f"`{name}` sends its lines to {target!r}, which is not here")
        for _, name in unknown_names(self.mesh, self.services) if self.mesh else ():
            raise at("mesh", f"it names {name!r}, which is no service")
        changes = {name: tenant.integrations for name, tenant in self.tenants.items()}
        for key, why in unfit(self.integrations, changes):
            raise at(key, why)
        recovery = self.automation.recovery
        for name in (recovery.services or ()) if recovery else ():
            if name not in self.services:
                raise at("automation", f"recovery names {name!r}, which is no service")
        self._paused_services_are_known()
        self._channels_are_known()
        self._remediation_is_whole()
        self._monitored_tenants_are_known()
        self._shown_services_are_known()
        for key, forward in self.logging.forward.items():
            for name in forward.services:
                if name not in self.services:
                    raise at("logging", f"`{key}` names {name!r}, which is no service")
        return self

    def _paused_services_are_known(self) -> None:
        backup = self.automation.backup
        for name in backup.pause_services if backup is not None else ():
            if name not in self.services:
                raise at("automation", f"`pause_services` names {name!r}, which is no service")

    def _monitored_tenants_are_known(self) -> None:
        for name in self.monitoring.tenants if self.monitoring is not None else ():
            if name not in self.tenants:
                raise at("monitoring", f"`tenants` names {name!r}, which is no tenant of the suite")

    def _shown_services_are_known(self) -> None:
        page = self.monitoring.status_page if self.monitoring is not None else None
        for name in page.named if page is not None else ():
            if name not in self.services:
                raise at("monitoring", f"`status_page` names {name!r}, which is no service")

    def _channels_are_known(self) -> None:
        channels = self.monitoring.channels if self.monitoring is not None else {}
        told = {task: timing.notifications for task, timing in self.automation.timings()}
        if self.automation.health_checks is not None:
            told["health_checks"] = self.automation.health_checks.notifications
        for task, notifications in told.items():
            for name in (*notifications.success, *notifications.failure):
                if name not in channels:
                    why = f"`{task}` tells {name!r}, which `monitoring.channels` does not have"
                    raise at("automation", why)

    def _remediation_is_whole(self) -> None:
        """Raise where a rule needs what the suite does not have."""
        config = self.automation.remediation
        if config is None:
            return
        if self.monitoring is None:
            raise at("automation", "`remediation` answers alerts: it needs `monitoring`")
        tasks = {name for name, _ in self.automation.timings()}
        for why in missing(config, self.services, tasks, self.monitoring.channels):
            raise at("automation", f"`remediation`: {why}")
