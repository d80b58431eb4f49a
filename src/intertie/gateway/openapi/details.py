"""One operation of a service's document, as it stands in that of the gateway: version 3.1."""

import re
from collections.abc import Iterator
from http import HTTPStatus

from intertie.gateway.openapi.answers import PROBLEM
from intertie.gateway.openapi.model import Body, Dialect, Document, Media, Operation, Parameter
from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.schema import Schema, Schemas
from intertie.gateway.openapi.source import Json, Spot
from intertie.gateway.openapi.template import Template

PLACE = "#/components/schemas/"

_NOT_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_CODES = re.compile(r"[1-5]([0-9]{2}|XX)|default")


class Names:
    """Names that are used once in the whole document."""

    def __init__(self) -> None:
        self._used = {PROBLEM.lower()}

    def take(self, name: str, service: str) -> str:
        """The name itself, or with the service's before it, or with a number after that."""
        name = _NOT_NAMES.sub("_", name).strip("_") or "Schema"
        for chosen in self._choices(name, service):
            # Two names that differ in case only are one file to many generators.
            if chosen.lower() not in self._used:
                self._used.add(chosen.lower())
                return chosen
        raise AssertionError("there is always one more number")

    def _choices(self, name: str, service: str) -> Iterator[str]:
        yield name
        yield f"{service}.{name}"
        number = 2
        while True:
            yield f"{service}.{name}.{number}"
            number += 1


class Details:
    """Reads the operations of one document; their schemas are gathered in `schemas`."""

    def __init__(self, document: Document, service: str, names: Names) -> None:
        self._document = document
        # A service may say anything of its answers: what cannot be read is left out here.
        self._refs = Refs(document.refs.root, document.refs.folder)
        self._schemas = Schemas(
            document.dialect,
            self._refs,
            PLACE,
            lambda spot: names.take(_called(spot), service),
            for_requests=False,
        )

    @property
    def schemas(self) -> Json:
        """By name, for `components`."""
        return self._schemas.found

    def of(self, operation: Operation, path: str) -> Json:
        """What the document says of it. `path` is where the gateway has it."""
        made: Json = {"summary": operation.summary, "description": operation.description}
        made = {key: text for key, text in made.items() if text}
        if operation.deprecated:
            made["deprecated"] = True
        parameters = [self._parameter(each) for each in operation.parameters]
        told = {each["name"] for each in parameters if each["in"] == "path"}
        template = Template.of(path)
        parameters += [
            path_parameter(name)
            for name in (template.names if template else ())
            if name not in told
        ]
        if parameters:
            made["parameters"] = parameters
        if operation.body and operation.body.media and operation.method not in {"GET", "HEAD"}:
            made["requestBody"] = self._body(operation.body)
        made["responses"] = dict(self._responses(operation.spot))
        return made

    def _parameter(self, one: Parameter) -> Json:
        made: Json = {"name": one.name, "in": one.where, "required": one.required}
        if one.description:
            made["description"] = one.description
        schema: Schema = self._schemas.of(one.schema) if one.schema else {}
        if isinstance(schema, dict) and schema.get("description") == one.description:
            schema = {key: value for key, value in schema.items() if key != "description"}
        if one.media:
            return made | {"content": {one.media: {"schema": schema}}}
        style = "form" if one.style == "tabDelimited" else one.style
        return made | {"style": style, "explode": one.explode, "schema": schema}

    def _body(self, body: Body) -> Json:
        made: Json = {"content": {each.type: self._media(each) for each in body.media}}
        if body.description:
            made["description"] = body.description
        return made | ({"required": True} if body.required else {})

    def _media(self, media: Media) -> Json:
        if media.fields:
            properties = {each.name: self._schemas.of(each.schema) for each in media.fields}
            schema: Json = {"type": "object", "properties": properties}
            needed = [each.name for each in media.fields if each.required]
            return {"schema": schema | ({"required": needed} if needed else {})}
        made: Json = {"schema": self._schemas.of(media.schema)} if media.schema else {}
        if media.encoding:
            made["encoding"] = {
                name: {"style": style, "explode": explode}
                for name, (style, explode) in media.encoding.items()
            }
        return made

    def _responses(self, operation: Spot) -> Iterator[tuple[str, Json]]:
        found = operation.get("responses")
        for code, each in found.entries() if found else ():
            spot = self._refs.follow(each)
            if spot is not None and _CODES.fullmatch(code):
                yield code, self._response(code, spot, operation)

    def _response(self, code: str, spot: Spot, operation: Spot) -> Json:
        made: Json = {"description": spot.text("description") or _phrase(code)}
        if self._document.dialect is Dialect.SWAGGER:
            content = dict(self._produced(spot, operation))
        else:
            inner = spot.get("content")
            content = {kind: self._shown(each) for kind, each in (inner.entries() if inner else ())}
        headers = spot.get("headers")
        listed = {name: self._header(each) for name, each in (headers.entries() if headers else ())}
        listed = {name: each for name, each in listed.items() if name.lower() != "content-type"}
        return (
            made
            | ({"headers": listed} if listed else {})
            | ({"content": content} if content else {})
        )

    def _produced(self, spot: Spot, operation: Spot) -> Iterator[tuple[str, Json]]:
        schema = spot.get("schema")
        if schema is None:
            return
        top = Spot(spot.source, (), spot.source.value)
        kinds = operation.get("produces") or top.get("produces")
        for kind in [str(each.value) for each in kinds.items()] if kinds else ["application/json"]:
            yield kind, {"schema": self._schemas.of(schema)}

    def _shown(self, spot: Spot) -> Json:
        inner = self._refs.follow(spot) or spot
        schema = inner.get("schema")
        return {"schema": self._schemas.of(schema)} if schema else {}

    def _header(self, spot: Spot) -> Json:
        inner = self._refs.follow(spot) or spot
        text = inner.text("description")
        old = self._document.dialect is Dialect.SWAGGER
        schema = inner if old else inner.get("schema")
        made: Json = {"schema": self._schemas.of(schema) if schema else {}}
        return made | ({"description": text} if text else {})


def path_parameter(name: str) -> Json:
    """A part of a path that nothing is said of."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _called(spot: Spot) -> str:
    """The name of what is referred to; of what has none, where it stands."""
    if len(spot.keys) > 1 and spot.keys[-2] in {"schemas", "definitions", "$defs"}:
        return str(spot.keys[-1])
    if not spot.keys:
        return spot.source.file.stem
    return "_".join(str(key) for key in spot.keys[-3:])


def _phrase(code: str) -> str:
    try:
        return HTTPStatus(int(code)).phrase
    except ValueError:
        return "An answer."
