"""Parameters and bodies of Swagger 2.0 operations, in the form of OpenAPI 3."""

from collections.abc import Sequence
from typing import cast

from intertie.gateway.openapi.model import Body, Field, Media, Parameter, Style, Where
from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.source import Spot

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_FORMATS: dict[str, tuple[Style, bool]] = {
    "csv": ("form", False),
    "ssv": ("spaceDelimited", False),
    "tsv": ("tabDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}
_NOT_PARAMETERS = {"accept", "content-type", "authorization"}


def request(
    given: Sequence[Spot], operation: Spot, top: Spot, refs: Refs
) -> tuple[tuple[Parameter, ...], Body | None]:
    """What a request has beside its path and method."""
    parameters: list[Parameter] = []
    bodies: list[Spot] = []
    for spot in given:
        where = spot.text("in")
        if not spot.text("name") or where not in {"path", "query", "header", "body", "formData"}:
            why = "expected a parameter with a name, `in` path, query, header, body or formData"
            refs.tell(spot, why)
        elif where in {"body", "formData"}:
            bodies.append(spot)
        elif not (where == "header" and spot.text("name").lower() in _NOT_PARAMETERS):
            parameters.append(_parameter(spot, cast("Where", where), refs))
    if len({spot.text("in") for spot in bodies}) > 1:
        refs.tell(operation, "expected a `body` parameter or `formData` parameters, got both")
        return tuple(parameters), None
    return tuple(parameters), _body(bodies, operation, top, refs)


def _parameter(spot: Spot, where: Where, refs: Refs) -> Parameter:
    style, explode = _style(spot, refs)
    return Parameter(
        name=spot.text("name"),
        where=where,
        schema=spot,
        style=style if where == "query" else "simple",
        explode=explode and where == "query",
        required=spot.flag("required") or where == "path",
        allow_empty=spot.flag("allowEmptyValue"),
        description=spot.text("description"),
    )


def _style(spot: Spot, refs: Refs) -> tuple[Style, bool]:
    word = spot.text("collectionFormat") or "csv"
    if word not in _FORMATS:
        refs.tell(spot, f"expected collectionFormat {', '.join(_FORMATS)}, got {word[:80]!r}")
    return _FORMATS.get(word, _FORMATS["csv"])


def _body(bodies: list[Spot], operation: Spot, top: Spot, refs: Refs) -> Body | None:
    if not bodies:
        return None
    kinds = _consumes(operation, top)
    if bodies[0].text("in") == "body":
        [spot] = bodies[:1]
        kinds = kinds or ["application/json"]
        media = tuple(Media(kind, spot.get("schema")) for kind in kinds)
        return Body(media, spot.flag("required"), spot.text("description"))
    files = any(spot.text("type") == "file" for spot in bodies)
    forms = [kind for kind in kinds if kind in {FORM, MULTIPART}]
    kinds = [MULTIPART] if files else forms or [FORM, MULTIPART]
    fields = tuple(_field(spot, refs) for spot in bodies)
    required = any(field.required for field in fields)
    return Body(tuple(Media(kind, None, fields) for kind in kinds), required)


def _consumes(operation: Spot, top: Spot) -> list[str]:
    listed = operation.get("consumes") or top.get("consumes")
    return [str(each.value).lower() for each in listed.items()] if listed else []


def _field(spot: Spot, refs: Refs) -> Field:
    style, explode = _style(spot, refs)
    return Field(spot.text("name"), spot, spot.flag("required"), style, explode)
