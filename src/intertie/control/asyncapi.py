"""The suite's AsyncAPI 3.0 document: every topic of its bus, and what travels on it.

It is written from the view of the suite as a whole, orchestrator and services: `send` is what one
of them publishes, `receive` what one of them reads.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic.json_schema import models_json_schema

from intertie.automation.remedy import RecoveryAlert, ServiceRecovered
from intertie.bus.bridge import VERBS
from intertie.bus.envelope import CONTENT_TYPE
from intertie.bus.port import PRIORITIES
from intertie.control.asyncapi_schema import SCHEMAS, Json, embedded, example, tidy
from intertie.control.asyncapi_server import Server
from intertie.event import (
    AlertFiring,
    AlertResolved,
    AuthRefused,
    CachePurged,
    ChangeProgressed,
    ControlAnswered,
    ControlCommand,
    Event,
    GatewayApplied,
    HealthChanged,
    HealthFound,
    HookFailed,
    Payload,
    QuotaExceeded,
    RemediationMoved,
    ServiceFailed,
    ServiceFlapping,
    ServiceStarted,
    ServiceStopped,
    TaskFinished,
)
from intertie.plugins.event import PluginDisabled
from intertie.points.survey import IntegrationDrift
from intertie.runtime.watch import WatchMissing, WatchPaused
from intertie.suite.bus import QueueConfig
from intertie.suite.topics import Topic

PAYLOADS: tuple[type[Payload], ...] = (
    ServiceStarted,
    ServiceStopped,
    ServiceFailed,
    HealthChanged,
    ServiceFlapping,
    HookFailed,
    ChangeProgressed,
    GatewayApplied,
    CachePurged,
    QuotaExceeded,
    AuthRefused,
    AlertFiring,
    AlertResolved,
    TaskFinished,
    HealthFound,
    RemediationMoved,
    RecoveryAlert,
    ServiceRecovered,
    WatchPaused,
    WatchMissing,
    IntegrationDrift,
    PluginDisabled,
    ControlCommand,
    ControlAnswered,
)
"""All that the orchestrator sends and obeys."""

ORCHESTRATOR = "Intertie"
"""As publisher and subscriber; no service has a capital in its name."""

_CONTROL = (ControlCommand, ControlAnswered)
_BY_KEY = "$message.payload#/data/idempotency_key"
_ABOUT = (
    "What travels on the message bus of the suite {}, seen from the suite: it sends what the"
    " orchestrator or a service publishes, and receives what one of them reads. Messages are"
    " CloudEvents 1.0 in structured mode, JSON."
)

_COMMAND = (
    "{} services. Done once and answered once for each idempotency key; without a key, for each id"
    " of an event. A JSON object that is no CloudEvent is taken as the data of one."
)


@dataclass(frozen=True, slots=True)
class _Channel:
    """One topic."""

    address: str
    description: str
    data: str
    """Name of the schema of its data."""
    publishers: tuple[str, ...]
    subscribers: tuple[str, ...]
    key: str | None
    """Pointer to what messages are ordered by."""
    priorities: bool = False
    model: type[Payload] | None = None
    """None: declared in the suite file."""

    @property
    def command(self) -> bool:
        """Whether it tells the orchestrator to do something."""
        return self.model is ControlCommand


def document(
    *,
    suite_name: str,
    version: str,
    server: Server,
    topics: Mapping[str, Topic],
    payloads: Sequence[type[Payload]],
) -> dict[str, object]:
    """The document as JSON values. Schemas of `topics` are read (suite.topic_files.read_topics)."""
    shown = [each for each in payloads if server.obeys or each not in _CONTROL]
    channels = [*_own(shown), *_declared(topics)]
    schemas = _schemas(shown, topics)
    components: Json = {
        "schemas": schemas,
        "messages": {one.address: _message(one, schemas, server, suite_name) for one in channels},
    }
    if server.signs_in:
        components["securitySchemes"] = {"broker": {"type": "userPassword"}}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{suite_name}: message bus",
            "version": version,
            "description": _ABOUT.format(suite_name),
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"bus": server.described()},
        "channels": {one.address: _channel(one, server) for one in channels},
        "operations": dict(_operations(channels, server)),
        "components": components,
    }


def _own(payloads: Sequence[type[Payload]]) -> Iterator[_Channel]:
    for model in payloads:
        about = _line(model.__doc__)
        if model is not ControlCommand:
            yield _Channel(
                model.type, about, model.__name__, (ORCHESTRATOR,), (), "/subject", model=model
            )
            continue
        for verb in VERBS:
            address = f"{model.type}.{verb}"
            about = _COMMAND.format(verb.capitalize())
            yield _Channel(address, about, model.__name__, (), (ORCHESTRATOR,), None, model=model)


def _declared(topics: Mapping[str, Topic]) -> Iterator[_Channel]:
    for name, topic in topics.items():
        yield _Channel(
            name,
            topic.description,
            f"topic.{name}",
            topic.publishers,
            topic.subscribers,
            f"/data/{topic.key}" if topic.key else None,
            topic.priorities,
        )


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _schemas(payloads: Sequence[type[Payload]], topics: Mapping[str, Topic]) -> Json:
    # Of a command, what may be left out counts; of an event, what is always there.
    _, found = models_json_schema(
        [(m, "validation" if m is ControlCommand else "serialization") for m in payloads],
        ref_template=f"{SCHEMAS}{{model}}",
    )
    schemas: Json = {name: tidy(schema) for name, schema in found.get("$defs", {}).items()}
    for name, topic in topics.items():
        if isinstance(topic.payload_schema, str):
            raise TypeError(f"the schema of {name} is not read: {topic.payload_schema}")
        schemas[f"topic.{name}"] = embedded(topic.payload_schema or {}, f"topic.{name}")
    return {"CloudEvent": _envelope(), **schemas}


def _envelope() -> Json:
    properties = Event.model_json_schema()["properties"]
    del properties["data"]  # described by each message
    properties["traceparent"] = {
        "type": "string",
        "description": "W3C trace context of what caused it (CloudEvents' distributed tracing).",
    }
    properties["subject"]["description"] = "What it is about."
    return {
        "title": "CloudEvent",
        "description": "CloudEvents 1.0, structured mode, JSON.",
        "type": "object",
        "properties": {name: tidy(item, top=False) for name, item in properties.items()},
        "required": ["specversion", "id", "source", "type"],
    }


def _message(one: _Channel, schemas: Json, server: Server, suite: str) -> Json:
    data: Json = {"$ref": f"{SCHEMAS}{one.data}"}
    own: Json = {"type": "object", "properties": {"data": data}, "required": ["data"]}
    if one.model is not None:
        own["properties"] = {"type": {"const": one.address}, "data": data}
    if one.publishers == (ORCHESTRATOR,):
        own["required"] = ["subject", "time", "data"]
    found: Json = {
        "name": one.address,
        "title": one.data.removeprefix("topic."),
        "contentType": CONTENT_TYPE,
        "payload": {"allOf": [{"$ref": f"{SCHEMAS}CloudEvent"}, own]},
    }
    if one.model in _CONTROL:
        found["correlationId"] = {
            "description": "The answer has the key of its command.",
            "location": _BY_KEY,
        }
    if bindings := server.message_bindings(f"$message.payload#{one.key}" if one.key else None):
        found["bindings"] = bindings
    examples = [
        {"name": "example", "payload": _example(one, value, suite)}
        for value in example(data, schemas)
    ]
    return {**found, "examples": examples} if examples else found


def _example(one: _Channel, data: object, suite: str) -> Json:
    from_suite = one.publishers == (ORCHESTRATOR,)
    return {
        "specversion": "1.0",
        "id": "0190a8c0-0000-7000-8000-000000000000",
        "source": f"intertie/{suite}" if from_suite else (*one.publishers, "somebody")[0],
        "type": one.address,
        "subject": "example",
        "time": "2026-01-31T12:00:00Z",
        "datacontenttype": "application/json",
        "data": data,
    }


def _channel(one: _Channel, server: Server) -> Json:
    found: Json = {
        "address": one.address,
        "description": one.description,
        "messages": {one.address: {"$ref": f"#/components/messages/{one.address}"}},
        "servers": [{"$ref": "#/servers/bus"}],
    }
    if one.key:
        found["x-ordering-key"] = f"$message.payload#{one.key}"
    if one.priorities:
        found["x-priorities"] = list(PRIORITIES)
    return found | server.channel_fields(one.address)


def _operations(channels: Sequence[_Channel], server: Server) -> Iterator[tuple[str, Json]]:
    for one in channels:
        if one.publishers:
            yield f"send.{one.address}", _operation("send", one, one.publishers, server)
        if one.subscribers:
            found = _operation("receive", one, one.subscribers, server)
            if one.command:
                found["reply"] = _reply()
            yield f"receive.{one.address}", found


def _operation(action: str, one: _Channel, who: tuple[str, ...], server: Server) -> Json:
    found: Json = {
        "action": action,
        "channel": {"$ref": f"#/channels/{one.address}"},
        "messages": [{"$ref": f"#/channels/{one.address}/messages/{one.address}"}],
        "tags": [{"name": name} for name in dict.fromkeys(who)],
    }
    bindings = server.operation_bindings(action)
    return {**found, "bindings": bindings} if bindings else found


def _reply() -> Json:
    answer = ControlAnswered.type
    return {
        "channel": {"$ref": f"#/channels/{answer}"},
        "messages": [{"$ref": f"#/channels/{answer}/messages/{answer}"}],
    }


def render() -> str:
    """The exact text of `schemas/asyncapi.json`: a suite that declares no topics."""
    found = document(
        suite_name="example",
        version="1",
        server=Server.of(QueueConfig()),
        topics={},
        payloads=PAYLOADS,
    )
    return json.dumps(found, indent=2, sort_keys=True) + "\n"
