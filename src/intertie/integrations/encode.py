"""A request of an operation and its arguments."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import BaseModel

from intertie.integrations.credentials import with_query
from intertie.integrations.message import Request
from intertie.integrations.operation import Operation

Told = Mapping[str, Any]  # Any: JSON values
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_BODIES = frozenset({"POST", "PUT", "PATCH"})


def request_of(
    operation: Operation[Any, Any], arguments: BaseModel, *, base: str, timeout_s: float
) -> Request:
    """As the vendor wants it, without anything that says who asks."""
    told = arguments.model_dump(mode="json", by_alias=True, exclude_none=True)
    url = _url(operation, told, arguments, base)
    named = {name: value for name, value in told.items() if name not in operation.in_path}
    rest = {**dict(operation.fixed), **named} if operation.fixed else named
    request = Request(operation.method, url, {"accept": "application/json"}, timeout_s=timeout_s)
    request.headers.update(operation.headers)
    if operation.encoding == "graphql":
        body = {"query": operation.document, "variables": rest}
        _send(request, "application/json", json.dumps(body).encode())
    elif operation.method not in _BODIES or operation.encoding == "none":
        if rest:
            request.url = with_query(url, {name: text(value) for name, value in rest.items()})
    elif operation.encoding == "json":
        _send(request, "application/json", json.dumps(rest).encode())
    else:
        pairs = list(nested(rest)) if operation.encoding == "nested form" else list(flat(rest))
        _send(request, "application/x-www-form-urlencoded", urlencode(pairs).encode())
    return request


def _url(operation: Operation[Any, Any], told: Told, arguments: BaseModel, base: str) -> str:
    if not operation.in_path:
        path = operation.path
    else:
        path = operation.path.format_map(
            {name: segment(_needed(told, name)) for name in operation.in_path}
        )
    return path if path.startswith("https://") else f"{base}{path}"


def _needed(told: Told, name: str) -> object:
    value = told.get(name)
    if not value and value in (None, "", [], {}):
        raise ValueError(f"{name} is needed for the address")
    return value


def segment(value: object) -> str:
    """One part of a path, out of which nothing breaks. Raises ValueError for `.` and `..`.

    These mean the same however they are written: servers and proxies read `%2e` as a dot.
    """
    told = text(value)
    if _PLAIN.fullmatch(told):
        return told
    quoted = quote(told, safe="")
    if quoted in {".", ".."}:
        raise ValueError(f"{quoted!r} cannot be a part of an address")
    return quoted


def text(value: object) -> str:
    """As it stands in a query: lists with commas, truth as `true`, tables as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(text, value))
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value)


def flat(told: Told) -> Iterator[tuple[str, str]]:
    """Of a form; a list is its name several times."""
    for name, value in told.items():
        for each in value if isinstance(value, list) else [value]:
            yield name, text(each)


def nested(told: Told, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Of a form in which tables are `a[b]` and lists `a[0]`."""
    for name, value in told.items():
        key = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, dict):
            yield from nested(value, key)
        elif isinstance(value, list):
            yield from nested({str(i): each for i, each in enumerate(value)}, key)
        else:
            yield key, text(value)


def _send(request: Request, kind: str, body: bytes) -> None:
    request.headers["content-type"] = kind
    request.body = body
