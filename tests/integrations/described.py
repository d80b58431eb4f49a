"""What a slice in specs/ says of each operation."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

SPECS = Path(__file__).resolve().parents[2] / "specs"
KINDS = sorted(file.stem for file in SPECS.glob("*.json"))
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

Schema = Mapping[str, Any]  # a schema of a foreign document
_PATTERNS = {
    "^AC[0-9a-fA-F]{32}$": f"AC{'0' * 32}",
    "^(SM|MM)[0-9a-fA-F]{32}$": f"SM{'0' * 32}",
}
"""A text for each pattern that a required value must match."""


@dataclass(frozen=True)
class Parameter:
    """A value outside the body."""

    name: str
    where: Literal["query", "path", "header"]
    required: bool
    schema: Schema


@dataclass(frozen=True)
class Body:
    """What is sent, as one of the content types that the vendor names."""

    content_type: str
    required: bool
    schema: Schema


@dataclass(frozen=True)
class Operation:
    """One call with one content type; `name` is `get /path`, as in tools/specs/kinds.py."""

    name: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    credentials: Mapping[str, str]

    @property
    def method(self) -> str:
        """In capitals."""
        return self.name.partition(" ")[0].upper()

    @property
    def path(self) -> str:
        """With its templates."""
        return self.name.partition(" ")[2]


class Described:
    """A slice."""

    def __init__(self, kind: str) -> None:
        self.document = json.loads((SPECS / f"{kind}.json").read_bytes())

    @property
    def base(self) -> str:
        """The vendor's address that the paths are joined to."""
        return str(self.document["servers"][0]["url"]).rstrip("/")

    def operations(self) -> Iterator[Operation]:
        """Each operation of the slice, once for each content type that it takes."""
        for path, item in self.document["paths"].items():
            shared = item.get("parameters", [])
            for method, operation in item.items():
                if method != "parameters":
                    for body in self._bodies(operation):
                        yield self._operation(f"{method} {path}", operation, shared, body)

    def plain(self, schema: Schema) -> Schema:
        """A schema without its references, with its parts joined: of alternatives the first."""
        schema = self._resolved(schema)
        made = dict(schema)
        first = [schema[word][0] for word in ("oneOf", "anyOf") if schema.get(word)]
        for part in map(self.plain, [*schema.get("allOf", []), *first]):
            properties = {**made.get("properties", {}), **part.get("properties", {})}
            required = [*made.get("required", []), *part.get("required", [])]
            made = {**part, **made, "properties": properties, "required": required}
        return {key: value for key, value in made.items() if key not in {"allOf", "oneOf", "anyOf"}}

    def sample(self, schema: Schema) -> Any:
        """The least value that fits."""
        schema = self.plain(schema)
        if "enum" in schema:
            return schema["enum"][0]
        if schema.get("type") == "object" or schema.get("properties"):
            names = schema.get("required", [])
            return {name: self.sample(schema["properties"][name]) for name in names}
        if schema.get("type") == "array":
            return [self.sample(schema["items"])]
        if schema.get("type") in {"integer", "number"}:
            return max(1, schema.get("minimum", 1))
        return True if schema.get("type") == "boolean" else _text(schema)

    def _operation(
        self, name: str, operation: Schema, shared: list[Schema], body: Body | None
    ) -> Operation:
        found = [self._resolved(one) for one in (*shared, *operation.get("parameters", []))]
        return Operation(
            name=name,
            parameters=tuple(
                Parameter(one["name"], one["in"], one.get("required", False), one["schema"])
                for one in found
            ),
            body=body,
            credentials=dict(self._credentials(operation)),
        )

    def _bodies(self, operation: Schema) -> Iterator[Body | None]:
        if "requestBody" not in operation:
            yield None
            return
        body = self._resolved(operation["requestBody"])
        for content_type, media in body["content"].items():
            yield Body(content_type, body.get("required", False), self.plain(media["schema"]))

    def _credentials(self, operation: Schema) -> Iterator[tuple[str, str]]:
        for way in operation["security"][:1]:
            for name in way:
                yield self._credential(name)

    def _credential(self, name: str) -> tuple[str, str]:
        scheme = self.document["components"]["securitySchemes"][name]
        if scheme["type"] == "apiKey":
            return str(scheme["name"]), "a-key"
        if scheme.get("scheme") == "basic":
            return "Authorization", "Basic YTpi"
        return "Authorization", "Bearer a-token"

    def _resolved(self, node: Schema) -> Schema:
        while "$ref" in node:
            found = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node


def _text(schema: Schema) -> str:
    if "pattern" in schema:
        return _PATTERNS[str(schema["pattern"])]
    return "a".ljust(int(schema.get("minLength", 1)), "a")
