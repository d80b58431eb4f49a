"""Writes what is made from the code, schemas/ and a part of docs/: `make generate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import intertie.api.openapi
import intertie.control.asyncapi
import intertie.suite.reference
import intertie.suite.schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = ROOT / "schemas"
SUITE_PAGE = ROOT / "docs" / "suite-file.md"
GENERATED: Mapping[str, Callable[[], str]] = {
    "asyncapi.json": intertie.control.asyncapi.render,
    "openapi.json": intertie.api.openapi.render,
    "suite.schema.json": intertie.suite.schema.render,
}


def main() -> None:
    """Write each file anew."""
    SCHEMAS.mkdir(exist_ok=True)
    for name, render in GENERATED.items():
        (SCHEMAS / name).write_text(render(), encoding="utf-8")
    page = intertie.suite.reference.insert(SUITE_PAGE.read_text(encoding="utf-8"))
    SUITE_PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
