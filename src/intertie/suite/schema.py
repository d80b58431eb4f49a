"""The JSON Schema of the suite FILE, for editors: the models, and what is done before they see it.

A file may say less than the models need (overlays, `extends`) and text where they want a number
(`${env:X}`); it may also say more (`include`, `environments`, `x-` keys).
"""

import json
from typing import Any, TypeAlias

from intertie.suite.model import Suite
from intertie.suite.spelling import OTHER_NAMES

ID = "https://intertie.dev/schemas/suite.schema.json"
_Schema: TypeAlias = dict[str, Any]  # Any: JSON Schema has no narrower static type

_REFERENCE = "#/$defs/Reference"
_NAMES = {"type": "array", "items": {"type": "string"}}
_OWN: dict[str, _Schema] = {
    "Reference": {
        "description": "Filled in when the file is read: `${env:X}`, `${env:X:-default}`, "
        "`${env:X:?message}`, `${file:path}`.",
        "type": "string",
        "pattern": r"\$\{(env|file):",
    },
    "Extends": {
        "anyOf": [
            {"type": "string"},
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["service"],
                "properties": {
                    "file": {
                        "description": "The suite file that has it, if not this one.",
                        "type": "string",
                    },
                    "service": {"description": "Its name.", "type": "string"},
                },
            },
        ],
    },
}
_INCLUDE = {
    "description": "Suite files joined to this one, relative to it.",
    "anyOf": [{"type": "string"}, _NAMES],
}
_ENVIRONMENTS = {
    "description": "Changes for each environment, chosen by --env or INTERTIE_ENV; null takes "
    "a key away.",
    "type": "object",
    "additionalProperties": {"$ref": "#/$defs/SuiteOverlay"},
}


def render() -> str:
    """The schema as text: pretty, sorted, ending in a newline; the same for the same models."""
    return json.dumps(build(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def build() -> _Schema:
    """The schema as data."""
    suite = Suite.model_json_schema()
    for other, own in OTHER_NAMES.items():
        about = {"description": f"Another name of `{own}`."}
        suite["properties"][other] = suite["properties"][own] | about
    models: dict[str, _Schema] = {**suite.pop("$defs"), "Suite": suite}
    defs = {name: _file_form(_bare(schema)) for name, schema in models.items()}
    _extendable(defs["Service"])
    overlays = {f"{name}Overlay": _overlay(schema) for name, schema in defs.items()}
    top = defs.pop("Suite")
    del top["required"]  # a file for `include` says as much as it likes
    top["properties"] |= {"include": _INCLUDE, "environments": _ENVIRONMENTS}
    top["patternProperties"] = {"^x-": {"description": "Ignored: a place for YAML anchors."}}
    overlay = overlays["SuiteOverlay"]
    del overlay["properties"]["suite"]
    top |= {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": ID}
    return top | {"title": "Intertie suite file", "$defs": defs | overlays | _OWN}


def _bare(schema: Any) -> Any:
    """Without titles, which only repeat names, and with every description on one line."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _bare(item) for key, item in schema.items() if not _is_title(key, item)}
    if "patternProperties" in kept:
        [(pattern, inner)] = kept.pop("patternProperties").items()
        kept |= {"propertyNames": {"pattern": pattern}, "additionalProperties": inner}
    if isinstance(text := kept.get("description"), str):
        kept["description"] = " ".join(text.split())
    return kept


def _is_title(key: str, item: object) -> bool:
    return key == "title" and isinstance(item, str)


def _file_form(schema: _Schema) -> _Schema:
    """The same with references allowed for all that is not free text anyway."""
    properties = {key: _open(item) for key, item in schema["properties"].items()}
    return {**schema, "properties": properties}


def _open(schema: _Schema) -> _Schema:
    opened = {key: item for key, item in schema.items() if key not in {"default", "description"}}
    about: _Schema = {key: schema[key] for key in ("default", "description") if key in schema}
    for key in ("items", "additionalProperties"):
        if isinstance(opened.get(key), dict):
            opened[key] = _open(opened[key])
    branches = [_open(branch) for branch in opened.get("anyOf", [])]
    if branches:
        nested = [b for branch in branches for b in branch.get("anyOf", [branch])]
        unique = {json.dumps(branch, sort_keys=True): branch for branch in nested}
        return {"anyOf": [*unique.values()], **about}
    if _is_closed(opened):
        return {"anyOf": [opened, {"$ref": _REFERENCE}], **about}
    return opened | about


def _is_closed(schema: _Schema) -> bool:
    """Whether a plain value is expected that a reference does not look like."""
    narrow = {"pattern", "enum", "const"} & schema.keys()
    return schema.get("type") in {"integer", "number", "boolean"} or bool(narrow)


def _extendable(service: _Schema) -> None:
    """A service that extends another one need not say its command."""
    about = "The service this one starts from; its own keys win."
    service["properties"]["extends"] = {"$ref": "#/$defs/Extends", "description": about}
    del service["required"]
    service["anyOf"] = [{"required": ["command"]}, {"required": ["extends"]}]


def _overlay(schema: _Schema) -> _Schema:
    """Every key optional, and null where a key is to be taken away."""
    kept = {key: item for key, item in schema.items() if key not in {"required", "anyOf"}}
    properties = {key: _removable(item) for key, item in schema["properties"].items()}
    return {**kept, "properties": properties}


def _removable(schema: _Schema) -> _Schema:
    """A property of an overlay. Defaults are those of the file below, so none is told."""
    about = {"description": schema["description"]} if "description" in schema else {}
    inner = {key: item for key, item in schema.items() if key not in {"default", "description"}}
    inner = _refer_to_overlays(inner)
    inner.pop("minProperties", None)
    branches = [b for b in inner.get("anyOf", [inner]) if b != {"type": "null"}]
    return {"anyOf": [*branches, {"type": "null"}], **about}


def _refer_to_overlays(schema: _Schema) -> _Schema:
    """A list is replaced as a whole, so what is in one stays as it is in a file."""
    changed = dict(schema)
    ref = str(changed.get("$ref", ""))
    if ref and ref != _REFERENCE and not ref.endswith("/Extends"):
        changed["$ref"] = f"{ref}Overlay"
    if isinstance(inner := changed.get("additionalProperties"), dict):
        changed["additionalProperties"] = _removable(inner)
    if "anyOf" in changed:
        changed["anyOf"] = [_refer_to_overlays(branch) for branch in changed["anyOf"]]
    return changed
