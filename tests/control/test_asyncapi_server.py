"""The broker in the document: where it is, how it is used, and never who signs in."""

import json
from dataclasses import replace

import pytest

from intertie.bus.kafka_records import Names as KafkaNames
from intertie.bus.nats_names import names
from intertie.bus.redis_keys import Keys
from intertie.control.asyncapi_server import Server
from intertie.suite.bus import QueueConfig, QueueType
from tests.control.asyncapi_documents import made, topics


@pytest.mark.parametrize(
    ("config", "protocol", "host", "pathname"),
    [
        (QueueConfig(QueueType.EMBEDDED), "redis", "localhost", "/0"),
        (QueueConfig(QueueType.EMBEDDED, port=7000), "redis", "localhost:7000", "/0"),
        (QueueConfig(QueueType.MEMORY), "memory", "in-process", None),
        (QueueConfig(QueueType.REDIS, "r", database=3), "redis", "r:6379", "/3"),
        (QueueConfig(QueueType.RABBITMQ, "::1"), "amqp", "[::1]:5672", "/%2F"),
        (QueueConfig(QueueType.RABBITMQ, tls=True), "amqps", "localhost:5672", "/%2F"),
        (QueueConfig(QueueType.KAFKA, "k"), "kafka", "k:9092", None),
        (QueueConfig(QueueType.KAFKA, tls=True), "kafka-secure", "localhost:9092", None),
        (QueueConfig(QueueType.NATS, "n", 1), "nats", "n:1", None),
    ],
)
def test_where_it_is(config: QueueConfig, protocol: str, host: str, pathname: str | None) -> None:
    """Protocol, host with port, and the part of the broker that is used."""
    found = Server.of(config).described()

    assert (found["protocol"], found["host"]) == (protocol, host)
    assert found.get("pathname") == pathname
    assert found["x-engine"] == config.queue_type


@pytest.mark.parametrize("engine", QueueType)
def test_credentials_are_nowhere(engine: QueueType) -> None:
    """That some are needed is told, which ones is not."""
    config = QueueConfig(engine, username="hidden-user", password="hidden-word")
    server = Server.of(config)
    document = json.dumps(made(server, topics()))

    assert "hidden" not in document + repr(server)
    assert server.described()["security"] == [{"$ref": "#/components/securitySchemes/broker"}]
    assert '"userPassword"' in document


def test_nobody_signs_in_where_nothing_is_asked() -> None:
    """No scheme, no security."""
    document = made(Server.of(QueueConfig()), {})

    assert "security" not in json.dumps(document)


def test_the_names_are_those_of_the_adapters() -> None:
    """Another program finds the messages where ours put them."""
    topic, exchange = "asset.processed", "media.x"

    def fields(engine: QueueType, mode: str = "streams") -> str:
        config = QueueConfig(engine, exchange=exchange)
        return json.dumps(replace(Server.of(config), mode=mode).channel_fields(topic))

    for engine in (QueueType.REDIS, QueueType.EMBEDDED):
        assert json.loads(fields(engine)) == {"x-native-address": Keys(exchange).stream(topic)}
    assert json.loads(fields(QueueType.REDIS, "pubsub")) == {
        "x-native-address": f"{exchange}:{topic}"
    }
    assert json.loads(fields(QueueType.NATS)) == {"x-native-address": names(exchange).topic(topic)}
    assert KafkaNames(exchange).topic(topic) in fields(QueueType.KAFKA)
    assert json.loads(fields(QueueType.RABBITMQ))["bindings"]["amqp"]["exchange"] == {
        "name": exchange,
        "type": "topic",
        "durable": True,
        "autoDelete": False,
        "vhost": "/",
    }
    assert fields(QueueType.MEMORY) == "{}"


def test_a_name_too_long_for_kafka_is_left_out() -> None:
    """The document is made all the same."""
    server = Server.of(QueueConfig(QueueType.KAFKA))

    found = server.channel_fields(".".join(["a" * 64] * 5))

    assert found == {"bindings": {"kafka": {"bindingVersion": "0.5.0"}}}


def test_kafka_is_told_its_retention_and_keys() -> None:
    """In its binding's own words."""
    server = Server.of(QueueConfig(QueueType.KAFKA, retention=60.0))
    channel = json.loads(json.dumps(server.channel_fields("a")))

    assert channel["bindings"]["kafka"]["topicConfiguration"] == {"retention.ms": 60_000}
    assert "#/data/id" in json.dumps(server.message_bindings("$message.payload#/data/id"))
    assert server.message_bindings(None) == {}
    assert server.operation_bindings("send") == {}


def test_rabbitmq_keeps_what_is_sent_and_wants_acks() -> None:
    """Persistent messages, acknowledged."""
    server = Server.of(QueueConfig(QueueType.RABBITMQ))

    assert server.operation_bindings("send") == {
        "amqp": {"deliveryMode": 2, "bindingVersion": "0.3.0"}
    }
    assert server.operation_bindings("receive") == {
        "amqp": {"ack": True, "bindingVersion": "0.3.0"}
    }
    assert server.message_bindings("$message.payload#/subject") == {}
