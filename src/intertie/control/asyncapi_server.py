"""The broker, as an AsyncAPI document tells of it: where it is, and how each engine is used.

The specification has fields for AMQP and Kafka. It keeps those of Redis empty, and has none that
say how JetStream is used: there, `x-native-address` is the name that the broker knows.
"""

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote

from intertie.bus.kafka_records import Names as KafkaNames
from intertie.bus.nats_names import names as nats_names
from intertie.bus.redis_keys import Keys
from intertie.control.asyncapi_schema import Json
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig, QueueType

_AMQP, _KAFKA = "0.3.0", "0.5.0"
_PERSISTENT = 2
_PROTOCOLS = {
    QueueType.EMBEDDED: ("redis", "redis"),
    QueueType.MEMORY: ("memory", "memory"),
    QueueType.REDIS: ("redis", "redis"),
    QueueType.RABBITMQ: ("amqp", "amqps"),
    QueueType.KAFKA: ("kafka", "kafka-secure"),
    QueueType.NATS: ("nats", "nats"),
}
_ABOUT = {
    QueueType.EMBEDDED: "A Valkey that the suite brings and runs itself, on this machine.",
    QueueType.MEMORY: "Inside the orchestrator's process: no other program reaches it, and nothing"
    " outlives it.",
    QueueType.REDIS: "Redis or Valkey.",
    QueueType.RABBITMQ: "RabbitMQ: one durable topic exchange, a quorum queue for each group.",
    QueueType.KAFKA: "Kafka.",
    QueueType.NATS: "NATS with JetStream.",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A broker without its credentials."""

    engine: QueueType
    host: str
    port: int
    """0: known once it runs."""
    exchange: str
    database: int = 0
    virtual_host: str = "/"
    mode: str = "streams"
    tls: bool = False
    signs_in: bool = False
    """Whether it asks who is there."""
    retention_s: float = 0.0
    obeys: bool = True
    """Whether the orchestrator obeys commands that come over the bus."""

    @classmethod
    def of(cls, config: QueueConfig, *, obeys: bool = True) -> Self:
        """The one that a client with this config uses."""
        host, port = config.address
        return cls(
            engine=config.queue_type,
            host=host,
            port=port,
            exchange=config.exchange,
            database=config.database,
            virtual_host=config.virtual_host,
            mode=config.mode,
            tls=config.tls,
            signs_in=config.username is not None or config.password is not None,
            retention_s=config.retention,
            obeys=obeys,
        )

    @property
    def _at(self) -> str:
        if self.engine is QueueType.MEMORY:
            return "in-process"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def _is_redis(self) -> bool:
        return self.engine in {QueueType.EMBEDDED, QueueType.REDIS}

    def described(self) -> Json:
        """The Server Object."""
        notes = [_ABOUT[self.engine]]
        if self.engine is QueueType.EMBEDDED and not self.port:
            notes.append("Its port is chosen when it first starts.")
        if self._is_redis:
            kept = self.mode == "streams"
            notes.append("Each topic is a stream." if kept else "By Pub/Sub: nothing is kept.")
        if self.tls:
            notes.append("Over TLS.")
        found: Json = {
            "host": self._at,
            "protocol": _PROTOCOLS[self.engine][self.tls],
            "description": " ".join(notes),
            "x-engine": self.engine.value,
            "x-exchange": self.exchange,
        }
        if path := self._path():
            found["pathname"] = path
        if self.engine is QueueType.RABBITMQ:
            found["protocolVersion"] = "0.9.1"
        if self.signs_in:
            found["security"] = [{"$ref": "#/components/securitySchemes/broker"}]
        return found

    def _path(self) -> str:
        if self.engine is QueueType.RABBITMQ:
            return f"/{quote(self.virtual_host, safe='')}"
        return f"/{self.database}" if self._is_redis else ""

    def channel_fields(self, topic: str) -> Json:
        """What a Channel Object says of this engine."""
        if self.engine is QueueType.RABBITMQ:
            return {"bindings": {"amqp": self._routed()}}
        if self.engine is QueueType.KAFKA:
            return {"bindings": {"kafka": self._kafka_topic(topic)}}
        native = self._native(topic)
        return {"x-native-address": native} if native else {}

    def _routed(self) -> Json:
        exchange = {
            "name": self.exchange,
            "type": "topic",
            "durable": True,
            "autoDelete": False,
            "vhost": self.virtual_host,
        }
        return {"is": "routingKey", "exchange": exchange, "bindingVersion": _AMQP}

    def _kafka_topic(self, topic: str) -> Json:
        found: Json = {"bindingVersion": _KAFKA}
        try:
            found["topic"] = KafkaNames(self.exchange).topic(topic)
        except BusError:  # too long a name: told to whoever publishes
            return found
        if self.retention_s:
            found["topicConfiguration"] = {"retention.ms": int(self.retention_s * 1000)}
        return found

    def _native(self, topic: str) -> str:
        if self.engine is QueueType.NATS:
            return nats_names(self.exchange).topic(topic)
        if self._is_redis and self.mode == "pubsub":
            return f"{self.exchange}:{topic}"
        return Keys(self.exchange).stream(topic) if self._is_redis else ""

    def operation_bindings(self, action: str) -> Json:
        """What an Operation Object says of this engine."""
        if self.engine is not QueueType.RABBITMQ:
            return {}
        how: Json = {"deliveryMode": _PERSISTENT} if action == "send" else {"ack": True}
        return {"amqp": {**how, "bindingVersion": _AMQP}}

    def message_bindings(self, key: str | None) -> Json:
        """What a Message Object says of this engine; `key` is where its ordering key stands."""
        if self.engine is not QueueType.KAFKA or key is None:
            return {}
        told: Json = {"type": "string", "description": f"The value at {key}."}
        return {"kafka": {"key": told, "bindingVersion": _KAFKA}}
