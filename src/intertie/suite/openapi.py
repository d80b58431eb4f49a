"""Documents whose operations become routes."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from intertie.suite.route import Route
from intertie.suite.values import Count, Flag, Model, Name, RoutePath


class OpenApiImport(Model):
    """An OpenAPI 3.0 or 3.1 or Swagger 2.0 document: each of its operations becomes a route."""

    file: Annotated[str, Field(pattern=r"^[^\x00]+\.(json|ya?ml)$", max_length=1000)]
    """A .json or .yaml file, from the suite file's folder. It may refer to files beside it."""
    service: Name
    """Where the requests go."""
    prefix: RoutePath = "/"
    """Stands before the document's paths at the gateway; the service gets them without it."""
    base_path: RoutePath | None = None
    """In place of the path of the document's first server; `/` is none."""
    validate_requests: Flag = True
    """Requests that are not as described are refused before the service sees them."""
    unknown_query: Literal["ignore", "refuse"] = "ignore"
    """What becomes of query parameters that the document does not name."""
    max_checked_body: Count = 65_536
    """Bytes of a body that can be checked; larger ones are answered 413."""
    auth_required: Flag | None = None
    """In place of what `security` says in the document. Where neither says anything, a caller must
    say who it is."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an imported route comes from."""

    index: int
    """Of the document, in `gateway.openapi`."""
    document: str = ""
    """By what name the authorizer knows it; empty: requests are not checked."""
    held: OpenApiImport | None = None
    """The same as the authorizer reads it: its file is a copy."""
    headers: tuple[str, ...] = ()
    """Of requests, that are looked at; lower-case."""


class ImportedRoute(Route):
    """A route that a document makes; no suite file says it."""

    origin: Annotated[Origin, Field(exclude=True)]
    """What it comes from."""


def imported_route(route: Route, origin: Origin) -> ImportedRoute:
    """The route with its origin. It is as valid as it was."""
    said = {name: getattr(route, name) for name in Route.model_fields}
    fields = {*route.model_fields_set, "origin"}
    return ImportedRoute.model_construct(_fields_set=fields, **said, origin=origin)
