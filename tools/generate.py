"""Writes what is made from the code or from proto/, and a part of docs/: `make generate`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import intertie.api.graphql_schema
import intertie.api.live_socket_asyncapi
import intertie.api.openapi
import intertie.control.asyncapi
import intertie.suite.reference
import intertie.suite.schema
from tools import catalog, proto

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "schemas"
MODULES = ROOT / "src" / "intertie" / "api" / "pb"
CATALOG = ROOT / "src" / "intertie" / "integrations" / "catalog.json"
SUITE_PAGE = ROOT / "docs" / "suite-file.md"
compiled = cache(proto.compiled)


def _text(render: Callable[[], str]) -> Callable[[], bytes]:
    return lambda: render().encode()


GENERATED: Mapping[Path, Callable[[], bytes]] = {
    SCHEMAS / "asyncapi.json": _text(intertie.control.asyncapi.render),
    SCHEMAS / "control.desc": lambda: compiled()["desc"],
    SCHEMAS / "live.asyncapi.json": _text(intertie.api.live_socket_asyncapi.render),
    SCHEMAS / "openapi.json": _text(intertie.api.openapi.render),
    SCHEMAS / "schema.graphql": _text(intertie.api.graphql_schema.render),
    SCHEMAS / "suite.schema.json": _text(intertie.suite.schema.render),
    CATALOG: _text(catalog.render),
    MODULES / "control_pb2.py": lambda: compiled()["py"],
    MODULES / "control_pb2.pyi": lambda: compiled()["pyi"],
}


def main() -> None:
    """Write each file anew. Raises ProtoError for what would break programs that use proto/."""
    proto.check(SCHEMAS / "control.desc", compiled()["desc"])
    for file, render in GENERATED.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(render())
    page = intertie.suite.reference.insert(SUITE_PAGE.read_text(encoding="utf-8"))
    SUITE_PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
