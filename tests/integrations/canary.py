"""Requests that a judge must refuse, and the good ones they were made from."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from tests.integrations.described import FORM, JSON, Described, Operation, Schema

NO_SUCH_VALUE = "no-such-value"
UNTESTABLE: Mapping[tuple[str, str], str] = {
    ("digitalocean", "get /v2/account"): "it takes nothing but the token",
    ("slack", "get /auth.test"): "it takes nothing but the token",
    ("spotify", "get /me"): "it takes nothing but the token",
    ("stripe", "get /v1/balance"): "it takes nothing but the key",
}
"""Operations of which no request can be wrong, and why."""


class Response(Protocol):
    """What a judge answered."""

    @property
    def status_code(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Found whatever their case."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request to a vendor. `path` follows the vendor's base address."""

    name: str
    operation: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    @property
    def target(self) -> str:
        """Path and query, as they go on the wire."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def refused(self, response: Response) -> bool:
        """Whether the judge said that the request is wrong; a missing login does not count."""
        if response.status_code == 401:
            return False
        return 400 <= response.status_code < 500 or bool(violations(response.headers))


class Canary(Request):
    """A request with one fault."""


def violations(response_headers: Mapping[str, str]) -> list[str]:
    """What the judge found wrong with the request: place and message."""
    return [
        f"{'.'.join(map(str, one['location']))}: {one['message']}"
        for one in _entries(response_headers.get("sl-violations", ""))
        if one["location"][:1] == ["request"]
    ]


def _entries(header: str) -> Iterator[dict[str, Any]]:
    """Those of a JSON list that may be cut off; what is wrong with the request comes first."""
    at, decoder = header.find("{"), json.JSONDecoder()
    while at != -1:
        try:
            entry, end = decoder.raw_decode(header, at)
        except ValueError:
            return
        yield entry
        at = header.find("{", end)


def good(kind: str) -> Sequence[Request]:
    """The least request of each operation with no fault in it."""
    described = Described(kind)
    return [_Maker(described, operation).good() for operation in described.operations()]


def canaries(kind: str) -> Sequence[Canary]:
    """Requests with one fault each, at least one for each operation not in UNTESTABLE."""
    described = Described(kind)
    found: list[Canary] = []
    for operation in described.operations():
        maker = _Maker(described, operation)
        of_operation = list(maker.faulty()) or list(maker.without_path_values())
        found += [Canary(**vars(one)) for one in of_operation]
    return found


_Values = Mapping[tuple[str, str], Any]
"""By place and name."""


class _Maker:
    """Makes the requests of one operation."""

    def __init__(self, described: Described, operation: Operation) -> None:
        self.described, self.operation = described, operation
        self.required = [one for one in operation.parameters if one.required]
        self.values: dict[tuple[str, str], Any] = {
            (one.where, one.name): described.sample(one.schema) for one in self.required
        }
        body = operation.body
        self.body: Any = described.sample(body.schema) if body else None

    def good(self) -> Request:
        """No fault."""
        return self._request("good", self.values, self.body)

    def faulty(self) -> Iterator[Request]:
        """One fault each."""
        yield from self._missing()
        yield from self._wrong()
        if self.operation.body:
            yield from self._bodies()

    def without_path_values(self) -> Iterator[Request]:
        """The last resort, where any text is a good value."""
        for one in self.required:
            if one.where == "path":
                values = self.values | {("path", one.name): ""}
                yield self._request(f"without {one.name} in path", values, self.body)

    def _missing(self) -> Iterator[Request]:
        for one in self.required:
            if one.where != "path":
                left = {key: value for key, value in self.values.items() if key[1] != one.name}
                yield self._request(f"without {one.name} in {one.where}", left, self.body)

    def _wrong(self) -> Iterator[Request]:
        for one in self.operation.parameters:
            if self._breakable(one.schema):
                values = self.values | {(one.where, one.name): NO_SUCH_VALUE}
                yield self._request(f"with a wrong {one.name} in {one.where}", values, self.body)

    def _breakable(self, schema: Schema) -> bool:
        """Whether not every text is a value."""
        schema = self.described.plain(schema)
        if schema.get("type") == "array":
            return self._breakable(schema["items"])
        typed = schema.get("type") in {"boolean", "integer", "number", "object"}
        return typed or "enum" in schema or "pattern" in schema

    def _bodies(self) -> Iterator[Request]:
        body = self.operation.body
        assert body is not None
        for name in body.schema.get("required", []):
            left = {key: value for key, value in self.body.items() if key != name}
            yield self._request(f"without {name} in body", self.values, left)
        for name, schema in body.schema.get("properties", {}).items():
            wrong = self._wrong_value(schema, as_json=body.content_type == JSON)
            if wrong is not None:
                yield self._request(
                    f"with a wrong {name} in body", self.values, self.body | {name: wrong}
                )
        yield self._mistyped()

    def _wrong_value(self, schema: Schema, *, as_json: bool) -> Any:
        if as_json:
            kind = self.described.plain(schema).get("type")
            return NO_SUCH_VALUE if kind != "string" else {"wrong": True}
        return NO_SUCH_VALUE if self._breakable(schema) else None

    def _mistyped(self) -> Request:
        good = self.good()
        headers = {**good.headers, "Content-Type": "text/plain"}
        return replace(good, name="with another content type", headers=headers, body=b"text")

    def _request(self, name: str, values: _Values, body: Any) -> Request:
        path = self.operation.path
        for (where, key), value in values.items():
            if where == "path":
                path = path.replace(f"{{{key}}}", quote(str(value), safe=""))
        headers = {key: str(value) for (where, key), value in values.items() if where == "header"}
        request = Request(
            name=f"{self.operation.name} {name}",
            operation=self.operation.name,
            method=self.operation.method,
            path=path,
            query={key: _wire(value) for (where, key), value in values.items() if where == "query"},
            headers={**self.operation.credentials, **headers},
        )
        return self._with_body(request, body) if self.operation.body else request

    def _with_body(self, request: Request, body: Any) -> Request:
        described = self.operation.body
        assert described is not None
        headers = {**request.headers, "Content-Type": described.content_type}
        if described.content_type == FORM:
            text = urlencode({key: _wire(value) for key, value in body.items()})
        else:
            text = json.dumps(body)
        return replace(request, headers=headers, body=text.encode())


def _wire(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_wire, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
