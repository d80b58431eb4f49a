"""`live.asyncapi.json`, made from the messages of `/api/live`."""

import json

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from intertie.api import live_socket_messages as wire
from intertie.api.live_socket import PATH
from intertie.control.asyncapi_schema import SCHEMAS, Json, tidy

_RECEIVED: tuple[type[BaseModel], ...] = (
    wire.Auth,
    wire.Ping,
    wire.SubscribeEvents,
    wire.SubscribeChanges,
    wire.SubscribeLogs,
    wire.SubscribeHealth,
    wire.Unsubscribe,
)
_SENT: tuple[type[BaseModel], ...] = (
    wire.Ready,
    wire.Pong,
    wire.Next,
    wire.Complete,
    wire.Failed,
)
_ABOUT = (
    "What the management API sends and receives on one WebSocket: events, changes, logs and health"
    " as they come. `ready` is sent at once to whoever may read, and otherwise after `auth`."
    " Close codes: 4400 a message that cannot be used, 4401 not authenticated, 4408 no `auth` in"
    " time, 4409 an id that is taken, 4410 nothing was read for 10 s, 4429 too many subscriptions,"
    " 1009 a message above 64 KiB."
)


def render() -> str:
    """The exact text of `schemas/live.asyncapi.json`."""
    found = {
        "asyncapi": "3.0.0",
        "info": {"title": "Intertie live", "version": "1", "description": _ABOUT},
        "defaultContentType": "application/json",
        "servers": {"api": _server()},
        "channels": {"live": _channel()},
        "operations": {
            "receive": _operation("receive", _RECEIVED),
            "send": _operation("send", _SENT),
        },
        "components": {
            "messages": {each.__name__: _message(each) for each in (*_RECEIVED, *_SENT)},
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }
    return json.dumps(found, indent=2, sort_keys=True) + "\n"


def _server() -> Json:
    return {
        "host": "127.0.0.1:8080",
        "protocol": "ws",
        "description": "The management API; `api` in the suite file says where it listens.",
        "security": [{"$ref": "#/components/securitySchemes/key"}],
    }


def _channel() -> Json:
    names = [each.__name__ for each in (*_RECEIVED, *_SENT)]
    return {
        "address": PATH,
        "description": "One connection; it has at most 32 subscriptions.",
        "servers": [{"$ref": "#/servers/api"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _operation(action: str, models: tuple[type[BaseModel], ...]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/live"},
        "messages": [{"$ref": f"#/channels/live/messages/{each.__name__}"} for each in models],
    }


def _message(model: type[BaseModel]) -> Json:
    return {
        "name": model.__name__,
        "title": model.__name__,
        "summary": " ".join((model.__doc__ or "").split()),
        "contentType": "application/json",
        "payload": {"$ref": f"{SCHEMAS}{model.__name__}"},
    }


def _schemas() -> Json:
    _, found = models_json_schema(
        [
            *((each, "validation") for each in _RECEIVED),
            *((each, "serialization") for each in _SENT),
        ],
        ref_template=f"{SCHEMAS}{{model}}",
    )
    return {name: tidy(schema) for name, schema in found.get("$defs", {}).items()}
