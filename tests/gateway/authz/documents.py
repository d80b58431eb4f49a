"""A small document that requests are held against."""

from pathlib import Path
from typing import Any

from intertie.gateway.authz.checks import Checks
from intertie.suite.openapi import OpenApiImport

DOCUMENT = """
openapi: 3.1.0
info: {title: Items, version: "1"}
paths:
  /items:
    get:
      parameters: [{name: page, in: query, schema: {type: integer}}]
      responses: {"200": {description: Some.}}
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: {type: object, required: [count], properties: {count: {type: integer}}}
      responses: {"200": {description: Made.}}
"""


def written(folder: Path, name: str = "items", text: str = DOCUMENT) -> dict[str, Any]:
    """The document in a file, as the authorizer's settings name it."""
    (folder / f"{name}.yaml").write_text(text)
    return {name: {"file": f"{name}.yaml", "service": "shop"}}


async def checked_by(folder: Path) -> tuple[Checks, dict[str, Any]]:
    """Checks that are ready, and the documents they are of."""
    documents = written(folder)
    made = Checks(folder)
    wanted = {name: OpenApiImport.model_validate(each) for name, each in documents.items()}
    await made.prepare(wanted)
    return made, documents
