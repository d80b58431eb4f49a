"""Types of the GraphQL schema, made from what `control` answers."""

from datetime import datetime
from typing import Self

import strawberry
from strawberry.scalars import JSON

from intertie.bus.port import GroupStatus
from intertie.control.bus import BusInfo
from intertie.control.health import Report, status_of
from intertie.event import Event as RuntimeEvent
from intertie.plan import Plan as RuntimePlan
from intertie.plan import Replica as RuntimeReplica
from intertie.plan import ServiceStatus, State, describe
from intertie.plugins.standing import PluginStatus
from intertie.runtime.change import Change as RuntimeChange
from intertie.runtime.change import StepRecord
from intertie.runtime.component import Status
from intertie.runtime.logs import LogLine as RuntimeLine
from intertie.suite.rules import RESERVED

strawberry.enum(Status, description="The words of the health JSON.")
strawberry.enum(State, name="ReplicaState", description="Where a replica is in its life.")


@strawberry.type(description="One replica as it is now.")
class Replica:
    """See RuntimeReplica."""

    index: int
    state: State
    pid: int | None
    port: int | None
    since: datetime
    restarts: int
    reason: str
    flapping: bool = strawberry.field(description="Its health changes too often to be believed.")

    @classmethod
    def of(cls, found: RuntimeReplica) -> Self:
        """From what the supervisor sees."""
        return cls(
            index=found.index,
            state=found.state,
            pid=found.pid,
            port=found.port,
            since=found.since,
            restarts=found.restarts,
            reason=found.reason,
            flapping=found.flapping,
        )


@strawberry.type(description="A service and its replicas.")
class Service:
    """See ServiceStatus."""

    name: str
    engine: bool = strawberry.field(description="Whether Intertie itself brings it.")
    status: Status
    depends_on: list[str]
    replicas: list[Replica]

    @classmethod
    def of(cls, found: ServiceStatus) -> Self:
        """From what the supervisor sees."""
        return cls(
            name=found.name,
            engine=found.name in RESERVED,
            status=status_of(found),
            depends_on=list(found.spec.depends_on),
            replicas=[Replica.of(each) for each in found.replicas],
        )


@strawberry.type(description="A page of services; `total` counts all of them.")
class ServicePage:
    """Some services."""

    items: list[Service]
    page: int
    limit: int
    total: int


@strawberry.type(description="One step of a change.")
class ChangeStep:
    """See StepRecord."""

    action: str
    service: str
    why: list[str]
    status: str
    error: str | None
    began_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, found: StepRecord) -> Self:
        """From the record."""
        return cls(
            action=found.action,
            service=found.service,
            why=list(found.why),
            status=found.status,
            error=found.error,
            began_at=found.began_at,
            ended_at=found.ended_at,
        )


@strawberry.type(description="What was asked for, by whom, and how it stands.")
class Change:
    """See RuntimeChange."""

    id: strawberry.ID
    title: str
    actor: str
    status: str = strawberry.field(description="doing, done, failed or aborted.")
    steps: list[ChangeStep]
    error: str | None
    began_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, found: RuntimeChange) -> Self:
        """From the record."""
        return cls(
            id=strawberry.ID(found.id),
            title=found.title,
            actor=found.actor,
            status=found.status,
            steps=[ChangeStep.of(each) for each in found.steps],
            error=found.error,
            began_at=found.began_at,
            ended_at=found.ended_at,
        )


@strawberry.type(description="A page of changes, newest first.")
class ChangePage:
    """Some changes."""

    items: list[Change]
    page: int
    limit: int
    total: int


@strawberry.type(description="An event: CloudEvents 1.0.")
class Event:
    """See RuntimeEvent."""

    id: strawberry.ID
    source: str
    type: str
    subject: str
    time: datetime
    data: JSON

    @classmethod
    def of(cls, found: RuntimeEvent) -> Self:
        """From the envelope."""
        return cls(
            id=strawberry.ID(found.id),
            source=found.source,
            type=found.type,
            subject=found.subject,
            time=found.time,
            data=JSON(found.model_dump(mode="json")["data"]),
        )


@strawberry.type(description="A service that another one needs.")
class Dependency:
    """By name."""

    name: str
    status: Status


@strawberry.type(description="A service in the health report.")
class ServiceHealth:
    """By name."""

    name: str
    status: Status
    dependencies: list[Dependency]
    error: str | None = strawberry.field(description="What is wrong when it is not UP.")


@strawberry.type(description="Where a part of the suite listens.")
class Address:
    """By name."""

    name: str
    url: str


@strawberry.type(description="The health report; UP needs every service UP.")
class Health:
    """See Report."""

    status: Status
    timestamp: datetime
    services: list[ServiceHealth]
    addresses: list[Address]

    @classmethod
    def of(cls, found: Report) -> Self:
        """From the report."""
        services = [
            ServiceHealth(
                name=name,
                status=each.status,
                dependencies=[
                    Dependency(name=other, status=status)
                    for other, status in each.dependencies.items()
                ],
                error=each.error,
            )
            for name, each in found.services.items()
        ]
        addresses = [Address(name=name, url=url) for name, url in found.addresses.items()]
        return cls(
            status=found.status,
            timestamp=found.timestamp,
            services=services,
            addresses=addresses,
        )


@strawberry.type(description="One thing that `apply` would do.")
class PlanStep:
    """See intertie.plan.Step."""

    action: str
    service: str
    why: list[str]


@strawberry.type(description="What `apply` would do.")
class Plan:
    """See RuntimePlan."""

    steps: list[PlanStep]
    lines: list[str] = strawberry.field(description="The same for a person.")

    @classmethod
    def of(cls, found: RuntimePlan) -> Self:
        """From the difference."""
        steps = [
            PlanStep(action=step.action, service=step.service, why=list(step.why))
            for step in found.steps
        ]
        return cls(steps=steps, lines=list(describe(found)))


@strawberry.type(description="A plugin, what it costs, and why it is disabled.")
class Plugin:
    """See PluginStatus."""

    name: str
    state: str
    origin: str
    version: str
    description: str
    author: str
    hooks: list[str]
    strikes: int
    load_seconds: float
    last_error: str | None

    @classmethod
    def of(cls, found: PluginStatus) -> Self:
        """From its standing."""
        return cls(
            name=found.name,
            state=found.state,
            origin=found.origin,
            version=found.version,
            description=found.description,
            author=found.author,
            hooks=list(found.hooks),
            strikes=found.strikes,
            load_seconds=found.load_s,
            last_error=found.last_error,
        )


@strawberry.type(description="How far a group of consumers is.")
class BusGroup:
    """See GroupStatus."""

    group: str
    pattern: str
    lag: int | None
    pending: int
    consumers: int
    dead: int

    @classmethod
    def of(cls, found: GroupStatus) -> Self:
        """From the engine."""
        return cls(
            group=found.group,
            pattern=found.pattern,
            lag=found.lag,
            pending=found.pending,
            consumers=found.consumers,
            dead=found.dead,
        )


@strawberry.type(description="A topic of the bus.")
class BusTopic:
    """As the AsyncAPI document has it."""

    name: str
    description: str


@strawberry.type(description="Which broker, and whether it is reached.")
class BusStatus:
    """See BusInfo."""

    engine: str
    address: str
    exchange: str
    status: str
    reason: str

    @classmethod
    def of(cls, found: BusInfo) -> Self:
        """From the link."""
        return cls(
            engine=found.engine,
            address=found.address,
            exchange=found.exchange,
            status=found.status,
            reason=found.reason,
        )


@strawberry.type(description="A line that a service wrote.")
class LogLine:
    """See RuntimeLine."""

    service: str
    replica: int
    stream: str
    text: str

    @classmethod
    def of(cls, found: RuntimeLine) -> Self:
        """From its file."""
        return cls(
            service=found.service, replica=found.replica, stream=found.stream, text=found.text
        )


@strawberry.type(description="A token that the gateway accepts (RFC 6749 section 5.1).")
class Token:
    """Shown once."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - a scheme, not a secret
