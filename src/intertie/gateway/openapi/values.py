"""JSON that every program reads in the same way (RFC 8259, sections 4 and 6)."""

import json
from typing import NoReturn

from intertie.gateway.openapi.source import Json


class JsonError(ValueError):
    """Not JSON, or JSON that two programs may read in two ways."""


def read_json(text: str) -> object:
    """The value of a text. Raises JsonError."""
    try:
        value: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_constant)
    except JsonError:
        raise
    except RecursionError as exc:
        raise JsonError("expected JSON with fewer levels of nesting") from exc
    except json.JSONDecodeError as exc:
        raise JsonError(f"expected JSON; {exc.msg} at character {exc.pos}") from exc
    except ValueError as exc:
        raise JsonError("expected JSON with shorter numbers") from exc
    if "\\ud" in text or "\\uD" in text:
        _refuse_halves(value)
    return value


def _refuse_halves(value: object) -> None:
    """Half a character can be written with an escape, and is no text."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise JsonError("expected JSON with whole characters") from exc


def _unique(given: list[tuple[str, object]]) -> Json:
    found = dict(given)
    if len(found) < len(given):
        raise JsonError("expected JSON in which no object has a key twice")
    return found


def _constant(word: str) -> NoReturn:
    raise JsonError(f"expected JSON, which has no {word}")
