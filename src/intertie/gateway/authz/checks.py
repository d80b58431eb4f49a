"""Requests held against the OpenAPI documents that their routes come from."""

import json
from collections.abc import Mapping
from pathlib import Path

from anyio import to_thread

from intertie.errors import GatewayError, SuiteError
from intertie.gateway.authz.answer import Refusal
from intertie.gateway.authz.question import Question
from intertie.gateway.openapi.check import RequestCheck
from intertie.gateway.openapi.problem import Problem, problem
from intertie.gateway.openapi.routes import import_document
from intertie.suite.openapi import OpenApiImport

_UNKNOWN = Refusal(
    503, "no_document", "cannot check this request: its description is away", "openapi"
)


class Checks:
    """Ready for the documents of one generation of settings, and of the one before.

    `folder` is where their files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready: dict[str, RequestCheck] = {}
        self._last: frozenset[str] = frozenset()

    async def prepare(self, documents: Mapping[str, OpenApiImport]) -> None:
        """Be ready for these. Raises GatewayError for one that cannot be used.

        Those of the last call stay until the next: they are in use while this one waits.
        """
        kept = {name: each for name, each in self._ready.items() if name in self._last}
        for name, wanted in documents.items():
            kept[name] = self._ready.get(name) or await self._compiled(wanted)
        self._ready, self._last = kept, frozenset(documents)

    def refuse(self, document: str, question: Question) -> Refusal | None:
        """Why a request is not as a document has it, or None."""
        check = self._ready.get(document)
        if check is None:
            return _UNKNOWN
        path, _, query = question.target.partition("?")
        found = check.check(
            question.method, path, query, headers=question.headers, body=question.body
        )
        return _refusal(problem(found)) if found else None

    async def _compiled(self, wanted: OpenApiImport) -> RequestCheck:
        try:
            imported = await to_thread.run_sync(import_document, wanted, self._folder)
        except SuiteError as exc:
            raise GatewayError(f"cannot check requests: {exc}") from exc
        assert imported.check is not None, "only such documents are told"  # noqa: S101
        return imported.check


def _refusal(found: Problem) -> Refusal:
    told = json.loads(found.body)["violations"]
    return Refusal(
        found.status,
        "request_invalid",
        found.detail,
        "openapi",
        found.headers,
        violations=told,
    )
