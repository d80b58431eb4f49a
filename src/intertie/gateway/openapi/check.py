"""Checking requests against a document: whether an operation is there, and gets what it wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from intertie.errors import SuiteError
from intertie.gateway.openapi.bodies import NO_BODY, BodyCheck, media_check, translated
from intertie.gateway.openapi.cost import CostError
from intertie.gateway.openapi.model import Document, Media, Operation
from intertie.gateway.openapi.problem import Violation
from intertie.gateway.openapi.router import Router
from intertie.gateway.openapi.schema import Schema
from intertie.gateway.openapi.sent import ParameterCheck, Sent, read_cookies
from intertie.gateway.openapi.styles import StyleError, read_query
from intertie.gateway.openapi.validators import Compiler

MAX_BODY = 65_536

Unknown: TypeAlias = Literal["ignore", "refuse"]
"""What becomes of query parameters that nothing is said of."""


@dataclass(frozen=True, slots=True)
class _OperationCheck:
    """One operation, ready."""

    parameters: tuple[ParameterCheck, ...]
    body: BodyCheck
    known: frozenset[str]
    """Names of query parameters that carry credentials."""

    def violations(self, sent: Sent, unknown: Unknown) -> list[Violation]:
        """What is wrong with the parameters of a request."""
        found = [wrong for one in self.parameters for wrong in one.violations(sent)]
        if unknown == "refuse":
            known = self.known.union(*(one.names(sent) for one in self.parameters))
            found += [
                Violation("query", name, "no such parameter")
                for name in sent.query
                if name not in known
            ]
        return found


@dataclass(frozen=True, slots=True)
class RequestCheck:
    """A document, ready to check requests with. It keeps nothing of them."""

    router: Router[Mapping[str, _OperationCheck]]
    unknown_query: Unknown
    max_body: int

    @classmethod
    def compile(
        cls,
        document: Document,
        *,
        unknown_query: Unknown = "ignore",
        max_body: int = MAX_BODY,
        prefix: str = "",
    ) -> Self:
        """Everything that can be done before requests come. Raises SuiteError with all faults.

        `prefix` is what stands before the paths of the document and its servers.
        """
        compiler = Compiler(document.dialect, document.refs)
        # Schemas first: what refers to them can be compiled only when all are there.
        drafts = [_Draft.of(operation, compiler) for operation in document.operations]
        if document.refs.faults:
            raise SuiteError(document.refs.faults)
        credentials = _credentials(document)
        paths: dict[str, dict[str, _OperationCheck]] = {}
        for draft in drafts:
            at = paths.setdefault(prefix.rstrip("/") + draft.operation.full_path, {})
            try:
                at[draft.operation.method] = draft.compiled(compiler, credentials)
            except CostError as exc:
                document.refs.tell(draft.operation.spot, str(exc))
        if document.refs.faults:
            raise SuiteError(document.refs.faults)
        return cls(Router(paths), unknown_query, max_body)

    def check(
        self, method: str, path: str, query: str, *, headers: Mapping[str, str], body: bytes
    ) -> list[Violation]:
        """What is wrong with a request; nothing when it is as described.

        `path` and `query` are as they were sent; names of headers are lower-case.
        """
        match = self.router.match(path)
        if match is None:
            return [Violation("path", "", "no operation has this path", status=404)]
        operation = match.found.get("GET" if _is_head(method, match.found) else method)
        if operation is None:
            allow = tuple(sorted(match.found))
            why = f"expected {', '.join(allow)}"
            return [Violation("method", "", why, status=405, allow=allow)]
        if len(body) > self.max_body:
            why = f"expected at most {self.max_body:,} bytes"
            return [Violation("body", "", why, status=413)]
        try:
            given = read_query(query)
        except StyleError as exc:
            return [Violation("query", "", str(exc))]
        sent = Sent(match.values, given, headers, read_cookies(headers.get("cookie", "")))
        found = operation.violations(sent, self.unknown_query)
        return found + operation.body.violations(headers.get("content-type", ""), body)


def _is_head(method: str, found: Mapping[str, object]) -> bool:
    """A resource that has GET has HEAD (RFC 9110, section 9.3.2)."""
    return method == "HEAD" and "HEAD" not in found and "GET" in found


@dataclass(frozen=True, slots=True)
class _Draft:
    """An operation whose schemas are translated and not yet compiled."""

    operation: Operation
    schemas: tuple[Schema, ...]
    """Of its parameters."""
    media: tuple[tuple[Media, Schema | None], ...]

    @classmethod
    def of(cls, operation: Operation, compiler: Compiler) -> Self:
        schemas = tuple(compiler.schema(each.schema) for each in operation.parameters)
        media = translated(operation.body, compiler) if operation.body else ()
        return cls(operation, schemas, tuple(media))

    def compiled(self, compiler: Compiler, credentials: frozenset[str]) -> _OperationCheck:
        """Ready to check with."""
        given = zip(self.operation.parameters, self.schemas, strict=True)
        body = self.operation.body
        return _OperationCheck(
            tuple(ParameterCheck(each, compiler.check(schema)) for each, schema in given),
            BodyCheck(tuple(media_check(*each, compiler) for each in self.media), body.required)
            if body
            else NO_BODY,
            credentials,
        )


def _credentials(document: Document) -> frozenset[str]:
    """Query parameters by which callers say who they are."""
    schemes = document.schemes.values()
    return frozenset(each.text("name") for each in schemes if each.text("in") == "query")
