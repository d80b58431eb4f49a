"""All use cases together, and who may call them."""

from dataclasses import dataclass, field, replace

from intertie.control.actor import Actor, Reach
from intertie.control.bus import BusControl
from intertie.control.cache import CacheControl
from intertie.control.callers import Nobody, Who, actor_of
from intertie.control.changes import ChangeControl
from intertie.control.dashboard import DashboardControl
from intertie.control.events import EventControl
from intertie.control.health import Health
from intertie.control.heartbeats import HeartbeatControl
from intertie.control.identity import IdentityControl
from intertie.control.identity_desk import IdentityDesk, Rights
from intertie.control.incident_desk import IncidentControl
from intertie.control.integrations import IntegrationControl
from intertie.control.jobs import Jobs
from intertie.control.logs import Logs
from intertie.control.metrics import Metrics
from intertie.control.monitoring import MonitoringControl
from intertie.control.on_call import OnCallControl
from intertie.control.plugins import PluginControl
from intertie.control.remediation import RemediationControl
from intertie.control.rule_insight import RuleInsight
from intertie.control.schedule import TaskControl
from intertie.control.services import Services
from intertie.control.slo import SloControl
from intertie.control.status_page import StatusPageControl
from intertie.control.suite import SuiteControl
from intertie.control.terminals import Terminals
from intertie.control.tokens import Tokens
from intertie.control.traces import TracesControl
from intertie.identity.api_key import ApiKey


@dataclass(frozen=True, slots=True)
class Control:
    """All use cases over one running suite; built by `intertie.app`."""

    key: ApiKey
    open_reads: bool
    """Reads need no key: the API listens on the loopback interface only."""
    open_writes: bool
    """Writes need no key either; the user asked for it with `--insecure-local`."""
    services: Services
    suite: SuiteControl
    changes: ChangeControl
    events: EventControl
    bus: BusControl
    jobs: Jobs
    terminals: Terminals
    logs: Logs
    health: Health
    metrics: Metrics
    plugins: PluginControl
    tokens: Tokens
    identity: IdentityControl = field(default_factory=lambda: IdentityControl.of(IdentityDesk()))
    cache: CacheControl = field(default_factory=CacheControl)
    integrations: IntegrationControl = field(default_factory=IntegrationControl)
    slo: SloControl = field(default_factory=SloControl)
    tasks: TaskControl = field(default_factory=TaskControl)
    monitoring: MonitoringControl = field(default_factory=MonitoringControl)
    heartbeats: HeartbeatControl = field(default_factory=HeartbeatControl)
    on_call: OnCallControl = field(default_factory=OnCallControl)
    dashboards: DashboardControl = field(default_factory=DashboardControl)
    status_page: StatusPageControl = field(default_factory=StatusPageControl)
    insight: RuleInsight = field(default_factory=RuleInsight)
    traces: TracesControl = field(default_factory=TracesControl)
    remediation: RemediationControl = field(default_factory=RemediationControl)
    incidents: IncidentControl = field(default_factory=IncidentControl)
    who: Who = field(default_factory=Nobody)
    """Whose token or API key a caller shows, beside the management key."""
    rights: Rights = field(default_factory=Rights)

    def identify(self, authorization: str | None, *, via: str, address: str = "") -> Actor:
        """The caller behind an Authorization header; `via` is the way in, for the records.

        What a role does not allow stays allowed as far as it is to those who show nothing.
        """
        known = self.key.opens(authorization)
        principal = None
        if authorization and not known:
            principal = self.who(authorization, address=address)
        if principal is not None:
            actor = actor_of(principal, self.rights, via=via, address=address)
            return replace(
                actor,
                may_read=actor.may_read or self.open_reads,
                may_write=actor.may_write or self.open_writes,
            )
        return Actor(
            name=via if known else f"{via} (unauthenticated)",
            may_read=known or self.open_reads,
            may_write=known or self.open_writes,
            reach=Reach(manages=known or self.open_writes),
            is_known=known,
            via=via,
            address=address,
        )

    async def settle(self) -> None:
        """After a change of identities: what callers show is judged by what is there now."""
        await self.who.refresh()
