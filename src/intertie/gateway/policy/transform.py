"""JSON bodies made into others, by Envoy's own filter."""

from pydantic import JsonValue

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json, plain
from intertie.suite.transform import PLACE, BodyTransform

NAME = "intertie.transform"
KIND = f"{FILTERS}transform.v3.TransformConfig"


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """What becomes of requests, and of answers; not of those that the gateway gives itself."""
    asked, answered = rule.route.request_body, rule.route.response_body
    if credential == "missing" or not (asked or answered):
        return None
    made: Json = {"@type": KIND}
    if asked:
        made["request_transformation"] = _body(asked, "REQUEST_BODY")
    if answered:
        made["response_transformation"] = _body(answered, "RESPONSE_BODY")
    return made


def _body(wanted: BodyTransform, source: str) -> Json:
    template = wanted.replace if wanted.merge is None else wanted.merge
    action = "REPLACE" if wanted.merge is None else "MERGE"
    text = {"json_format": _filled(template, source)}
    return {"body_transformation": {"body_format": text, "action": action}}


def _filled(value: JsonValue, source: str) -> JsonValue:
    if isinstance(value, dict):
        return {key: _filled(each, source) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, source) for each in value]
    if not isinstance(value, str):
        return value
    # Of the split, each second part is the name of a place.
    parts = PLACE.split(value)
    return "".join(
        _command(part, source) if index % 2 else plain(part) for index, part in enumerate(parts)
    )


def _command(place: str, source: str) -> str:
    kind, _, name = place.partition(".")
    return f"%REQ({name})%" if kind == "header" else f"%{source}({name.replace('.', ':')})%"
