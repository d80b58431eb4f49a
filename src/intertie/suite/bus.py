"""The suite's message bus: which broker carries the events, and where it is."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.dataclasses import dataclass

from intertie.suite import secret
from intertie.suite.topics import Topic, TopicName
from intertie.suite.values import (
    Count,
    Duration,
    Flag,
    Model,
    Name,
    Period,
    Port,
    PortNumber,
    Size,
    at,
)


class QueueType(StrEnum):
    """Which broker."""

    EMBEDDED = "embedded"
    """A Valkey that the suite brings and runs itself."""
    MEMORY = "memory"
    """Inside one process; nothing outlives it."""
    REDIS = "redis"
    """Redis or Valkey, 6.2 or newer."""
    RABBITMQ = "rabbitmq"
    KAFKA = "kafka"
    NATS = "nats"
    """NATS with JetStream, 2.10 or newer."""


DEFAULT_PORTS = {
    QueueType.REDIS: 6379,
    QueueType.RABBITMQ: 5672,
    QueueType.KAFKA: 9092,
    QueueType.NATS: 4222,
}


@dataclass(frozen=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True))
class QueueConfig:
    """Which broker, where it is, and how it is used."""

    queue_type: QueueType = QueueType.EMBEDDED
    host: Annotated[str, Field(min_length=1)] = "localhost"
    port: PortNumber | None = None
    """None is the broker's usual one."""
    username: str | None = None
    password: str | None = Field(default=None, repr=False)
    database: Annotated[int, Field(ge=0, le=1023)] = 0
    """Of Redis."""
    virtual_host: str = "/"
    """Of RabbitMQ."""
    tls: Flag = False
    ca_file: str | None = None
    """Who may vouch for the broker; None asks the system's authorities."""
    exchange: Name = "suite_events"
    """The topics of one exchange know nothing of those of another on the same broker: RabbitMQ's
    exchange, and the beginning of each stream's name elsewhere."""
    mode: Literal["streams", "pubsub"] = "streams"
    """Of Redis: `pubsub` keeps nothing, has no groups, and reaches whoever listens just now."""
    max_tries: Annotated[int, Field(ge=1, le=1000)] = 5
    """Deliveries of one message to a group; then it is a dead letter."""
    connect_timeout: Period = 5.0
    publish_timeout: Period = 30.0
    """How long a publish is tried again while the broker is away."""
    retention: Duration = 7 * 86400.0
    """Messages older than this may go, also unread ones."""
    max_size: Size = 1 << 30
    """Bytes kept of one topic, where the broker can say so; the oldest go first."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port. The embedded and the memory bus have no usual port: 0."""
        return self.host, self.port or DEFAULT_PORTS.get(self.queue_type, 0)


_QueueTypeWord = Annotated[QueueType, WithJsonSchema({"enum": [*QueueType], "type": "string"})]


class Bus(Model):
    """The message bus between the services. `bus: {}` is an embedded one that needs nothing."""

    queue_type: _QueueTypeWord = QueueType.EMBEDDED
    """Which broker."""
    host: Annotated[str, Field(min_length=1)] = "localhost"
    """Of a broker of one's own."""
    port: Port | None = None
    """None is the broker's usual one; of an embedded bus, a free one that stays the same."""
    username: str | None = None
    """None where the broker asks for none."""
    password: str | None = None
    """A reference: `${secret:bus}`."""
    database: Annotated[Count | Literal[0], Field()] = 0
    """Of Redis."""
    virtual_host: str = "/"
    """Of RabbitMQ."""
    tls: Flag = False
    """Speak to the broker over TLS."""
    ca_file: str | None = None
    """Who may vouch for the broker; None asks the system's authorities."""
    exchange: Name = "suite_events"
    """The topics of one exchange know nothing of those of another on the same broker."""
    mode: Literal["streams", "pubsub"] = "streams"
    """Of Redis: `pubsub` keeps nothing, has no groups, and reaches whoever listens just now."""
    max_tries: Count = 5
    """Deliveries of one message to a group; then it is a dead letter."""
    publish_timeout: Period = 30.0
    """How long a publish is tried again while the broker is away."""
    retention: Duration = 7 * 86400.0
    """Messages older than this may go, also unread ones."""
    max_size: Size = 1 << 30
    """Bytes kept of one topic, where the broker can say so; the oldest go first."""
    topics: dict[TopicName, Topic] = {}
    """What is said on the bus, by topic; those not named may carry anything."""
    commands: Flag = True
    """Obey `suite.control.start`, `.stop` and `.restart`; whoever may publish may send them."""

    @model_validator(mode="after")
    def _password_is_a_reference(self) -> Self:
        if self.password is not None and not secret.names(self.password):
            raise at("password", "expected a reference such as ${secret:bus}, not the word itself")
        return self

    def config(self, password: str | None) -> QueueConfig:
        """For a client; the password, if any, with its reference resolved."""
        fields = {name: getattr(self, name) for name in _OF_CONFIG}
        fields["port"] = None if self.port == "auto" else self.port
        return QueueConfig(**fields, password=password)


_OF_CONFIG = tuple(
    name for name in Bus.model_fields if name not in {"password", "commands", "topics"}
)
