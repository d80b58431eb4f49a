"""Makes the text of specs/<kind>.json."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor

from tools.specs.repairs import mangled, repaired
from tools.specs.slices import sliced
from tools.specs.swagger import converted
from tools.specs.tree import copied

if TYPE_CHECKING:
    from tools.specs.kinds import Kind
    from tools.specs.tree import Document


class _Plain(SafeConstructor):
    """Leaves dates as they are written: JSON has none."""


_Plain.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def parsed(content: bytes) -> Document:
    """A JSON or YAML document."""
    if content.lstrip().startswith(b"{"):
        found: Document = json.loads(content)
        return found
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Plain
    document: Document = copied(yaml.load(content))
    return document


def made(kind: Kind, content: bytes) -> Document:
    """The slice of `kind`, repaired, with where it comes from."""
    document, notes = sliced(parsed(content), kind.operations, kind.answers_depth)
    if "swagger" in document:
        document = converted(document)
        notes.append("converted from Swagger 2")
    if mangled(document["info"]["version"]):
        document["info"]["version"] = kind.version
        notes.append("replaced the version, which was mangled")
    notes += [fix(document) for fix in kind.fixes]
    notes += repaired(document)
    document["x-provenance"] = {
        "by": kind.by,
        "licence": kind.licence,
        "notice": kind.notice,
        "repairs": notes,
        "sha256": hashlib.sha256(content).hexdigest(),
        "source": kind.url,
        "version": kind.version,
    }
    return document


def render(kind: Kind) -> bytes:
    """The file's content. Raises SpecError."""
    document = made(kind, kind.source.read())
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    return f"{text}\n".encode()
