"""Checking bodies by their content type."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from intertie.gateway.openapi.model import Body, Media, Style
from intertie.gateway.openapi.multipart import MultipartError, Part, media_type, parts
from intertie.gateway.openapi.problem import Violation
from intertie.gateway.openapi.schema import Schema
from intertie.gateway.openapi.shape import ANY, Raw
from intertie.gateway.openapi.source import Json, pointer
from intertie.gateway.openapi.styles import StyleError, from_query, read_query
from intertie.gateway.openapi.swagger import FORM, MULTIPART
from intertie.gateway.openapi.validators import Check, Compiler
from intertie.gateway.openapi.values import JsonError, read_json

_FORM: tuple[Style, bool] = ("form", True)


@dataclass(frozen=True, slots=True)
class MediaCheck:
    """One kind of body."""

    type: str
    check: Check | None
    """None: anything of this kind is right."""
    styles: Mapping[str, tuple[Style, bool]]
    """Of a form's fields."""

    def fits(self, kind: str) -> bool:
        """Whether a body of this media type is meant; `text/*` and `application/*+json` are."""
        own = media_type(self.type)
        if own in {kind, "*/*", "*"}:
            return True
        first, _, last = own.partition("/")
        group, _, rest = kind.partition("/")
        return first in {group, "*"} and "*" in last and rest.endswith(last.rpartition("*")[2])

    def violations(self, content_type: str, body: bytes) -> list[Violation]:
        """What is wrong with a body of this kind."""
        if self.check is None:
            return []
        try:
            return self._read(self.check, content_type, body)
        except (StyleError, MultipartError, JsonError) as exc:
            return [Violation("body", "", str(exc))]
        except UnicodeDecodeError:
            return [Violation("body", "", "expected UTF-8 text")]

    def _read(self, check: Check, content_type: str, body: bytes) -> list[Violation]:
        kind = media_type(content_type)
        if _is_json(kind):
            return _told(check, read_json(body.decode()))
        if kind == FORM:
            return _told(check, check.shape.typed(self._form(check, body.decode())))
        if kind == MULTIPART:
            return self._multipart(check, parts(content_type, body))
        return _told(check, body.decode()) if kind == "text/plain" else []

    def _form(self, check: Check, body: str) -> Raw:
        given = read_query(body)
        value: dict[str, Raw] = {}
        used: set[str] = set()
        for name, shape in (check.shape.properties or {}).items():
            style, explode = self.styles.get(name, _FORM)
            found = from_query(name, shape, given, style=style, explode=explode)
            used |= {key for key in given if key == name or key.startswith(f"{name}[")}
            if found is not None:
                value[name] = found
        for name in given.keys() - used:
            texts: list[Raw] = [unquote_plus(text) for text in given[name]]
            value[name] = texts[0] if len(texts) == 1 else texts
        return value

    def _multipart(self, check: Check, given: list[Part]) -> list[Violation]:
        value: Json = {}
        for part in given:
            shape = (check.shape.properties or {}).get(part.name, check.shape.rest or ANY)
            inner = shape.items if shape.items and "array" in shape.kinds else shape
            one = _part(part, text=not inner.nested)
            typed = inner.typed(one) if isinstance(one, str) else one
            if "array" in shape.kinds and not isinstance(typed, list):
                listed = value.setdefault(part.name, [])
                if isinstance(listed, list):
                    listed.append(typed)
            elif part.name in value:
                return [Violation("body", pointer((part.name,))[1:], "expected one such part")]
            else:
                value[part.name] = typed
        return _told(check, value)


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _part(part: Part, *, text: bool) -> object:
    if part.type == "application/json" or (not part.type and not text):
        return read_json(part.content.decode())
    if part.is_file:
        return ""  # files are not looked into
    return part.content.decode()


def _told(check: Check, value: object) -> list[Violation]:
    return [
        Violation("body", pointer(keys)[1:], message, status=422)
        for keys, message in check.errors(value)
    ]


@dataclass(frozen=True, slots=True)
class BodyCheck:
    """All kinds of body of one operation."""

    media: tuple[MediaCheck, ...]
    required: bool

    def violations(self, content_type: str, body: bytes) -> list[Violation]:
        """What is wrong with a request's body; an empty one is none."""
        if not body:
            wrong = self.required and not self._takes_nothing(content_type)
            return [Violation("body", "", "a body is required")] if wrong else []
        kind = media_type(content_type)
        for each in self.media:
            if each.fits(kind):
                return each.violations(content_type, body)
        wanted = ", ".join(each.type for each in self.media)
        message = f"expected a body of type {wanted}" if wanted else "expected no body"
        return [Violation("body", "", message, status=415)]

    def _takes_nothing(self, content_type: str) -> bool:
        """An empty form is a form with no fields, and an empty file is a file."""
        kind = media_type(content_type)
        if kind == MULTIPART or _is_json(kind):
            return False
        fitting = next((each for each in self.media if each.fits(kind)), None)
        return fitting is not None and not fitting.violations(content_type, b"")


NO_BODY = BodyCheck((), required=False)


def translated(body: Body, compiler: Compiler) -> list[tuple[Media, Schema | None]]:
    """Each kind with its schema, the most exact kind first."""
    media = sorted(body.media, key=lambda each: (each.type.count("*"), -len(each.type)))
    return [(each, _schema(each, compiler)) for each in media]


def _schema(media: Media, compiler: Compiler) -> Schema | None:
    if media.fields:
        return compiler.form(media.fields)
    return compiler.schema(media.schema) if media.schema else None


def media_check(media: Media, schema: Schema | None, compiler: Compiler) -> MediaCheck:
    """One kind of body, ready."""
    styles = dict(media.encoding or {})
    styles |= {each.name: (each.style, each.explode) for each in media.fields}
    return MediaCheck(media.type, None if schema is None else compiler.check(schema), styles)
