"""What a delivery says, once it is believed: bodies of every kind become JSON values."""

import json
from base64 import b64decode
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import parse_qsl, urlsplit

from intertie.integrations.errors import InvalidError
from intertie.integrations.webhooks.delivery import Delivery
from intertie.integrations.webhooks.schemes_hmac import form

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Body = Literal["json", "form", "json or form", "braintree"]
Told = dict[str, Any] | list[Any]  # Any: JSON values
_DEEPEST = 50


def read(body: Body, delivery: Delivery) -> Told:
    """An object or a list. Raises InvalidError for anything else."""
    raw = delivery.body
    try:
        if body == "json" or (body == "json or form" and raw.lstrip()[:1] in {b"{", b"["}):
            told = json.loads(raw, parse_constant=_refuse, parse_float=_finite)
        elif body == "braintree":
            told = _xml(b64decode(dict(form(raw))["bt_payload"]).decode())
        else:
            told = _fields(delivery)
    except (ValueError, KeyError, RecursionError, SyntaxError) as exc:
        raise InvalidError(f"cannot read a delivery: {exc}") from None
    if not isinstance(told, dict | list):
        raise InvalidError("cannot read a delivery: it is neither an object nor a list")
    return told


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if isfinite(value) else _refuse(text[:20])


def _fields(delivery: Delivery) -> dict[str, Any]:
    """A field that is there several times is a list; a call without a body has its query."""
    pairs = form(delivery.body)
    if delivery.method == "GET":
        pairs = parse_qsl(urlsplit(delivery.url).query, keep_blank_values=True)
    told: dict[str, Any] = {}
    for name, value in pairs:
        if name not in told:
            told[name] = value
        elif isinstance(told[name], list):
            told[name].append(value)
        else:
            told[name] = [told[name], value]
    return told


def _xml(text: str) -> dict[str, Any]:
    """The root's children. A text, not bytes, is read: its declaration cannot change the letters.

    Own types and entities are refused: they can blow up, and reach for files.
    """
    if "<!doctype" in text.lower() or "<!entity" in text.lower():
        raise ValueError("it has a document type")
    from xml.etree.ElementTree import fromstring

    told = _value(fromstring(text), 0)  # noqa: S314 - see above
    return told if isinstance(told, dict) else {}


def _value(node: "Element", depth: int) -> Any:
    if depth > _DEEPEST:
        raise ValueError("it is too deep")
    if node.get("nil") == "true":
        return None
    if node.get("type") == "array":
        return [_value(each, depth + 1) for each in node]
    if len(node) == 0:
        return node.text or ""
    return {each.tag.replace("-", "_"): _value(each, depth + 1) for each in node}
