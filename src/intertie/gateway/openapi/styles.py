"""Values of parameters as they stand in text: RFC 6570's ways and OpenAPI's own. Pure."""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote, unquote_plus

from intertie.gateway.openapi.model import Style
from intertie.gateway.openapi.shape import DEEP, Raw, Shape

MAX_PAIRS = 1_000

_BETWEEN: dict[Style, tuple[str, ...]] = {
    "form": (",",),
    "simple": (",",),
    "spaceDelimited": ("%20", "+", " "),
    "pipeDelimited": ("|", "%7C", "%7c"),
    "tabDelimited": ("%09", "\t"),
}
_PLAIN: dict[Style, str] = {"spaceDelimited": " ", "pipeDelimited": "|", "tabDelimited": "\t"}


class StyleError(ValueError):
    """A value that cannot be read in its style; the text says what was expected."""


def read_query(query: str) -> dict[str, list[str]]:
    """Values, as sent, by decoded name: of a query or a form.

    Raises StyleError when there are too many.
    """
    parts = query.split("&", MAX_PAIRS)
    if len(parts) > MAX_PAIRS:
        raise StyleError(f"expected at most {MAX_PAIRS:,} parameters")
    found: dict[str, list[str]] = {}
    for part in parts:
        if part:
            name, _, value = part.partition("=")
            found.setdefault(unquote_plus(name), []).append(value)
    return found


def from_query(
    name: str, shape: Shape, given: Mapping[str, list[str]], *, style: Style, explode: bool
) -> Raw | None:
    """A parameter's value; None when it was not sent."""
    if style == "deepObject":
        return _deep(name, given)
    if "object" in shape.kinds and explode and name not in given:
        return _exploded(shape, given)
    values = given.get(name)
    if values is None:
        return None
    if explode and "array" in shape.kinds:
        return [unquote_plus(value) for value in values]
    if len(values) > 1:
        raise StyleError(f"expected it once, got it {len(values)} times")
    return inside(values[-1], shape, style=style)


def inside(text: str, shape: Shape, *, style: Style, explode: bool = False) -> Raw:
    """A value all of which is in one text."""
    if style in {"label", "matrix"}:
        raise StyleError("expected a style without a first character")
    if not shape.nested:
        return unquote_plus(text) if style != "simple" else unquote(text)
    parts = _split(text, style)
    if "object" in shape.kinds and ("array" not in shape.kinds or explode):
        return _object(parts, explode=explode)
    return list(parts)


def from_path(name: str, text: str, shape: Shape, *, style: Style, explode: bool) -> Raw:
    """A value that stands in a path."""
    if style == "simple":
        return inside(text, shape, style=style, explode=explode)
    first = "." if style == "label" else f";{name}="
    if style == "matrix" and explode and shape.nested:
        return _matrix(name, text, shape)
    if not text.startswith(first):
        raise StyleError(f"expected it to begin with {first}")
    rest = text.removeprefix(first)
    if not shape.nested:
        return unquote(rest)
    parts = [unquote(each) for each in rest.split("." if style == "label" and explode else ",")]
    return _object(parts, explode=explode) if "object" in shape.kinds else list(parts)


def _matrix(name: str, text: str, shape: Shape) -> Raw:
    if not text.startswith(";"):
        raise StyleError("expected it to begin with ;")
    parts = [part.partition("=") for part in text[1:].split(";")]
    if "object" in shape.kinds:
        return {unquote(key): unquote(value) for key, _, value in parts}
    if any(key != name for key, _, _ in parts):
        raise StyleError(f"expected ;{name}= before each value")
    return [unquote(value) for _, _, value in parts]


def _split(text: str, style: Style) -> list[str]:
    """By delimiters as sent; clients that encode those too are understood."""
    if not text:
        return []
    for between in _BETWEEN[style]:
        if between in text:
            return [unquote_plus(each) for each in text.split(between)]
    decoded = unquote_plus(text) if style != "simple" else unquote(text)
    return decoded.split(_PLAIN.get(style, ","))


def _object(parts: Sequence[str], *, explode: bool) -> Raw:
    if explode:
        split = [part.partition("=") for part in parts]
        if not all(between for _, between, _ in split):
            raise StyleError("expected name=value, with commas between them")
        return {name: value for name, _, value in split}
    if len(parts) % 2:
        raise StyleError("expected names and values in turn, with commas between them")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _exploded(shape: Shape, given: Mapping[str, list[str]]) -> Raw | None:
    """An object whose properties are parameters of their own."""
    found: dict[str, Raw] = {}
    for name, inner in (shape.properties or {}).items():
        if name in given:
            values = [unquote_plus(value) for value in given[name]]
            found[name] = list(values) if "array" in inner.kinds else values[-1]
    return found or None


def _deep(name: str, given: Mapping[str, list[str]]) -> Raw | None:
    """`name[a]=1&name[b][c]=2`."""
    found: dict[str, Raw] = {}
    for key, values in given.items():
        if not key.startswith(f"{name}[") or not key.endswith("]"):
            continue
        words = key[len(name) + 1 : -1].split("][")
        if len(words) > DEEP:
            raise StyleError(f"expected at most {DEEP} levels of brackets")
        texts: list[Raw] = [unquote_plus(value) for value in values]
        listed = len(words) > 1 and words[-1] == ""
        _put(found, words[:-1] if listed else words, texts if listed else _one(texts))
    return found or None


def _one(texts: list[Raw]) -> Raw:
    return texts[0] if len(texts) == 1 else texts


def _put(found: dict[str, Raw], words: Sequence[str], value: Raw) -> None:
    table = found
    for word in words[:-1]:
        inner = table.setdefault(word, {})
        if not isinstance(inner, dict):
            raise StyleError("expected a name in brackets to hold a value or names, got both")
        table = inner
    if words[-1] in table:
        raise StyleError("expected a name in brackets to hold a value or names, got both")
    table[words[-1]] = value
