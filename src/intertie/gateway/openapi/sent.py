"""Parameters of a request: found, read by their style, and checked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from intertie.gateway.openapi.model import Parameter
from intertie.gateway.openapi.problem import Violation
from intertie.gateway.openapi.shape import Raw
from intertie.gateway.openapi.source import pointer
from intertie.gateway.openapi.styles import StyleError, from_path, from_query, inside
from intertie.gateway.openapi.validators import Check, Error
from intertie.gateway.openapi.values import JsonError, read_json

MAX_COOKIES = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request has beside its body, as it was sent."""

    path: Mapping[str, str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    cookies: Mapping[str, str]


def read_cookies(header: str) -> dict[str, str]:
    """By name; the first of two wins, as most servers have it."""
    found: dict[str, str] = {}
    for part in header.split(";", MAX_COOKIES)[:MAX_COOKIES] if header else ():
        name, between, value = part.strip().partition("=")
        if between:
            found.setdefault(name, value)
    return found


@dataclass(frozen=True, slots=True)
class ParameterCheck:
    """One parameter, ready."""

    parameter: Parameter
    check: Check

    def violations(self, sent: Sent) -> list[Violation]:
        """What is wrong with it in a request."""
        one = self.parameter
        try:
            if one.media:
                return self._document(sent)
            raw = self._raw(sent)
        except (StyleError, JsonError) as exc:
            return [self._told(str(exc))]
        if raw is None:
            return [self._told("is required")] if one.required else []
        if one.allow_empty and raw == "":
            return []
        return [self._told(_about(error)) for error in self.check.text_errors(raw)]

    def _raw(self, sent: Sent) -> Raw | None:
        one, shape = self.parameter, self.check.shape
        if one.where == "query":
            return from_query(one.name, shape, sent.query, style=one.style, explode=one.explode)
        text = self._text(sent)
        if text is None:
            return None
        if one.where == "path":
            return from_path(one.name, text, shape, style=one.style, explode=one.explode)
        if one.where == "header":
            return inside(text, shape, style=one.style, explode=one.explode)
        return inside(text, shape, style=one.style)

    def _text(self, sent: Sent) -> str | None:
        name = self.parameter.name
        if self.parameter.where == "path":
            return sent.path.get(name)
        if self.parameter.where == "header":
            return sent.headers.get(name.lower())
        if self.parameter.where == "cookie":
            return sent.cookies.get(name)
        return next(iter(sent.query.get(name, ())), None)

    def _document(self, sent: Sent) -> list[Violation]:
        text = self._text(sent)
        if text is None:
            return [self._told("is required")] if self.parameter.required else []
        if "json" not in self.parameter.media:
            return []
        plain = text if self.parameter.where == "header" else unquote(text.replace("+", " "))
        return [self._told(_about(each)) for each in self.check.errors(read_json(plain))]

    def _told(self, message: str) -> Violation:
        return Violation(self.parameter.where, self.parameter.name, message)

    def names(self, sent: Sent) -> Iterator[str]:
        """Names in the query that it explains."""
        one, shape = self.parameter, self.check.shape
        if one.where != "query":
            return
        yield one.name
        if one.style == "deepObject":
            yield from (name for name in sent.query if name.startswith(f"{one.name}["))
        elif one.explode and "object" in shape.kinds:
            yield from shape.properties or () if shape.rest is None else sent.query


def _about(error: Error) -> str:
    keys, message = error
    return f"{pointer(keys)[1:]}: {message}" if keys else message
