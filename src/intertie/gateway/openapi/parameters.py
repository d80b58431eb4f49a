"""Parameters and bodies of OpenAPI 3 operations."""

from collections.abc import Iterator, Sequence
from typing import cast

from intertie.gateway.openapi.model import Body, Dialect, Media, Parameter, Style, Where
from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.source import Spot
from intertie.gateway.openapi.template import Template

MAX_PARAMETERS = 200
STYLES: dict[str, tuple[Style, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
"""The first is what holds when nothing is said."""

_NOT_PARAMETERS = {"accept", "content-type", "authorization"}
"""Headers whose parameters have no effect (OpenAPI 3.1.1, section 4.8.12.2)."""


class Parameters:
    """Reads parameters with what holds when they do not say it."""

    def __init__(self, dialect: Dialect, refs: Refs) -> None:
        self._dialect = dialect
        self._refs = refs

    def given(self, item: Spot, operation: Spot) -> list[Spot]:
        """Of the path and the operation, whose own win."""
        found: dict[tuple[str, str], Spot] = {}
        for level in (item, operation):
            listed = level.get("parameters")
            own: set[tuple[str, str]] = set()
            for each in listed.items() if listed else ():
                spot = self._refs.follow(each)
                if spot is None:
                    continue
                key = (spot.text("in"), spot.text("name"))
                if key in own:
                    self._refs.tell(each, f"the {key[0]} parameter {key[1][:80]!r} is here twice")
                own.add(key)
                found[key] = spot
        if len(found) > MAX_PARAMETERS:
            self._refs.tell(operation, f"expected at most {MAX_PARAMETERS} parameters, got more")
            return []
        return list(found.values())

    def of(self, given: Sequence[Spot]) -> tuple[Parameter, ...]:
        """The parameters that have an effect."""
        return tuple(self._each(given))

    def _each(self, given: Sequence[Spot]) -> Iterator[Parameter]:
        for spot in given:
            where, name = spot.text("in"), spot.text("name")
            if where not in STYLES or not name:
                why = "expected a parameter with a name, `in` path, query, header or cookie"
                self._refs.tell(spot, why)
            elif not (where == "header" and name.lower() in _NOT_PARAMETERS):
                yield self._parameter(spot, cast("Where", where), name)

    def _parameter(self, spot: Spot, where: Where, name: str) -> Parameter:
        style = spot.text("style") or STYLES[where][0]
        if style not in STYLES[where]:
            wanted = " or ".join(STYLES[where])
            self._refs.tell(spot, f"expected style {wanted} in {where}, got {style[:80]!r}")
            style = STYLES[where][0]
        content = spot.get("content")
        media, inner = next(content.entries(), ("", None)) if content else ("", None)
        return Parameter(
            name=name,
            where=where,
            schema=inner.get("schema") if inner else spot.get("schema"),
            style=style,
            explode=spot.flag("explode", default=style in {"form", "deepObject"}),
            required=spot.flag("required") or where == "path",
            media=media,
            allow_empty=spot.flag("allowEmptyValue"),
            description=spot.text("description"),
        )

    def check_path(self, path: str, parameters: Sequence[Parameter], spot: Spot) -> None:
        """Each parameter has its name in the path. Names without one take any text."""
        template = Template.of(path)
        names = set(template.names) if template else set[str]()
        told = {each.name for each in parameters if each.where == "path"}
        for name in sorted(told - names):
            self._refs.tell(spot, f"the path has no {{{name}}}, which a parameter is for")


def read_body(operation: Spot, refs: Refs) -> Body | None:
    """What an operation takes; None: nothing."""
    given = operation.get("requestBody")
    spot = refs.follow(given) if given else None
    if spot is None:
        return None
    content = spot.get("content")
    if content is None or not isinstance(content.value, dict):
        refs.tell(spot, "expected `content`: a map of media types")
        return None
    media = tuple(_media(name, each, refs) for name, each in content.entries())
    return Body(media, spot.flag("required"), spot.text("description"))


def _media(name: str, spot: Spot, refs: Refs) -> Media:
    inner = refs.follow(spot) or spot
    return Media(name.lower(), inner.get("schema"), encoding=_encoding(inner))


def _encoding(spot: Spot) -> dict[str, tuple[Style, bool]]:
    found: dict[str, tuple[Style, bool]] = {}
    encoding = spot.get("encoding")
    for name, each in encoding.entries() if encoding else ():
        style = each.text("style")
        if style in STYLES["query"]:
            explode = each.flag("explode", default=style in {"form", "deepObject"})
            found[name] = (style, explode)
        elif "explode" in each.table:
            found[name] = ("form", each.flag("explode", default=True))
    return found
