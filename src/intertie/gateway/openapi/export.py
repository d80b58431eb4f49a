"""The whole gateway as one OpenAPI 3.1 document: every route, with what services say of theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from intertie.gateway.openapi.answers import (
    PROBLEM,
    problem_schema,
    refusals,
    responses,
    security,
    security_schemes,
)
from intertie.gateway.openapi.details import Details, Names, path_parameter
from intertie.gateway.openapi.model import Document, Operation
from intertie.gateway.openapi.source import Json
from intertie.gateway.openapi.template import Template
from intertie.gateway.routes import Rule
from intertie.suite.security import AuthMethod

_METHODS: tuple[AuthMethod, ...] = ("jwt", "api_key", "session")


@dataclass(frozen=True, slots=True)
class About:
    """What the routes do not say."""

    title: str
    version: str
    server: str
    """Where the gateway is: `https://api.example.com`."""
    session_cookie: str = "__Host-intertie"
    """Name of the cookie of a login."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a service says of itself, or what was imported for it."""

    service: str
    document: Document
    checked: bool = False
    """Whether the gateway refuses requests that are not as described."""


def export(about: About, rules: Sequence[Rule], documents: Sequence[Described]) -> Json:
    """The document as JSON values. `rules` are those of `gateway.routes.build`, in their order."""
    writer = _Writer(rules, documents)
    paths = writer.paths()
    used: set[AuthMethod] = {method for rule in rules if rule.is_closed for method in rule.auth}
    methods: list[AuthMethod] = [method for method in _METHODS if method in used]
    components: Json = {
        "responses": responses(),
        "schemas": {PROBLEM: problem_schema(), **writer.schemas()},
    }
    if methods:
        components["securitySchemes"] = security_schemes(methods, about.session_cookie)
    return {
        "openapi": "3.1.0",
        "info": {"title": about.title, "version": about.version},
        "servers": [{"url": about.server}],
        "tags": [
            {"name": name, "description": f"The service {name}."} for name in writer.services()
        ],
        "paths": paths,
        "components": components,
    }


def _owner(rule: Rule) -> str:
    """The service that a route's requests belong to; empty of what the gateway answers itself."""
    parts = sorted(rule.route.split, key=lambda part: -part.weight)
    return rule.route.service or (parts[0].service if parts else "")


@dataclass(slots=True)
class _Writer:
    """Gathers operations by path. Rules come by precedence: who takes a path first keeps it."""

    rules: Sequence[Rule]
    documents: Sequence[Described]
    _names: Names = field(default_factory=Names)
    _ids: Names = field(default_factory=Names)
    _details: dict[int, Details] = field(default_factory=dict[int, Details])
    _shapes: dict[str, str] = field(default_factory=dict[str, str])
    _paths: dict[str, dict[str, Json]] = field(default_factory=dict[str, dict[str, Json]])

    def paths(self) -> Json:
        """Every path with its operations, sorted."""
        for rule in self.rules:
            if _is_variant(rule) or (rule.is_closed and not rule.auth):
                continue
            found = list(self._described(rule))
            for described, operation, path in found:
                self._put(path, operation.method, self._operation(rule, described, operation, path))
            if not found:
                self._generic(rule)
        return {path: dict(self._paths[path]) for path in sorted(self._paths)}

    def schemas(self) -> Json:
        """Of all documents."""
        return {
            name: schema
            for details in self._details.values()
            for name, schema in sorted(details.schemas.items())
        }

    def services(self) -> list[str]:
        """Those that have operations."""
        return sorted({_owner(rule) for rule in self.rules} - {""})

    def _described(self, rule: Rule) -> Iterator[tuple[Described, Operation, str]]:
        """What documents say of a rule's requests, with the path at the gateway."""
        if rule.route.rewrite or rule.route.redirect or rule.route.answer:
            return
        for described in self.documents:
            if described.service != _owner(rule):
                continue
            for operation in described.document.operations:
                path = rule.strip + operation.full_path
                if operation.method in rule.methods and _is_below(path, rule):
                    yield described, operation, self._spelt(path)

    def _spelt(self, path: str) -> str:
        """As its first writer has it: names of one path's segments are the same everywhere."""
        template = Template.of(path)
        return self._shapes.setdefault(template.shape, path) if template else path

    def _operation(self, rule: Rule, described: Described, operation: Operation, path: str) -> Json:
        key = id(described)
        if key not in self._details:
            self._details[key] = Details(described.document, described.service, self._names)
        own = Template.of(operation.full_path)
        spelt = Template.of(path.removeprefix(rule.strip))
        made = self._details[key].of(operation, operation.full_path)
        if own and spelt and own.names != spelt.names:
            _rename(made, dict(zip(own.names, spelt.names, strict=True)))
        name = operation.operation_id or f"{operation.method.lower()}{path}"
        return self._finished(rule, made, name, checked=described.checked)

    def _finished(self, rule: Rule, made: Json, name: str, *, checked: bool) -> Json:
        owner = _owner(rule)
        told = made.pop("responses", {})
        both = refusals(closed=rule.is_closed, checked=checked)
        if isinstance(told, dict):
            both = {**both, **told}
        if not any(code.startswith(("2", "3")) for code in both):
            both["default"] = {"description": "What the service answers."}
        return {
            "operationId": self._ids.take(name, owner or "gateway"),
            **({"tags": [owner]} if owner else {}),
            "summary": name,
            **made,
            "security": security(rule.auth) if rule.is_closed else [],
            "responses": dict(sorted(both.items())),
        }

    def _generic(self, rule: Rule) -> None:
        path = self._spelt(rule.route.path)
        template = Template.of(path)
        below = "" if rule.route.exact else "This path and all below it."
        for method in rule.methods:
            made: Json = {"summary": f"{method} {path}"}
            if below:
                made["description"] = below
            if template and template.names:
                made["parameters"] = [path_parameter(name) for name in template.names]
            made["responses"] = _own_answer(rule)
            name = f"{method.lower()}{path}"
            self._put(path, method, self._finished(rule, made, name, checked=False))

    def _put(self, path: str, method: str, operation: Json) -> None:
        self._paths.setdefault(path, {}).setdefault(method.lower(), operation)


def _is_variant(rule: Rule) -> bool:
    """Whether it takes only some of a path's requests."""
    route = rule.route
    return bool(route.hosts or route.headers or route.query or route.cookies)


def _own_answer(rule: Rule) -> Json:
    if rule.route.redirect:
        return {str(rule.route.redirect.status): {"description": "Look elsewhere."}}
    if rule.route.answer:
        return {str(rule.route.answer.status): {"description": "What the gateway answers itself."}}
    return {}


def _is_below(path: str, rule: Rule) -> bool:
    """Whether a document's path is one of a rule's; a named segment of the rule is any."""
    given = [segment for segment in path.split("/") if segment]
    if len(given) < len(rule.segments) or (rule.route.exact and len(given) != len(rule.segments)):
        return False
    pairs = zip(rule.segments, given, strict=False)
    return all(wanted is None or wanted == segment for wanted, segment in pairs)


def _rename(operation: Json, names: dict[str, str]) -> None:
    parameters = operation.get("parameters")
    for each in parameters if isinstance(parameters, list) else ():
        if isinstance(each, dict) and each.get("in") == "path":
            each["name"] = names.get(str(each["name"]), each["name"])
