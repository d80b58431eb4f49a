"""Which route answered a request, as its template: `/items/{id}`, never the path itself."""

from collections.abc import MutableMapping, Sequence
from typing import Any

UNMATCHED = "unmatched"

# Any: what Starlette and FastAPI keep in a request's scope, and their routes of several kinds.
Scope = MutableMapping[str, Any]


def key_of(scope: Scope) -> object | None:
    """The object that stands for the route; the same one for all of its requests."""
    inner = scope.get("fastapi")
    if inner is not None:
        context = inner.get("effective_route_context")
        if context is not None:
            return context  # type: ignore[no-any-return] # used for its identity only
    route = scope.get("route")
    return scope.get("endpoint") if route is None else route


def template_of(scope: Scope, routes: Sequence[Any], *, mounted: bool) -> str:
    """The template; `routes` are the application's, `mounted` says that one is within another."""
    route = key_of(scope)
    if route is None:
        return UNMATCHED
    prefix, inner = _mounts(str(scope["path"]), routes) if mounted else ("", routes)
    own = getattr(route, "path_format", None) or _by_endpoint(route, inner)
    if _is_mount(route) or (own is None and prefix):
        return prefix + "/{path}"
    return UNMATCHED if own is None else f"{prefix}{own}"


def _mounts(path: str, routes: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The templates of the mounts that lead to the route, and the routes within the last one."""
    for route in routes:
        regex = getattr(route, "path_regex", None)
        match = regex.match(path) if regex else None
        if match and not _is_mount(route):
            break
        if match:
            inner, rest = _mounts("/" + match["path"], route.routes)
            return route.path + inner, rest
    return "", routes


def _is_mount(route: Any) -> bool:
    return hasattr(route, "routes") and hasattr(route, "app") and hasattr(route, "path_regex")


def _by_endpoint(endpoint: object, routes: Sequence[Any]) -> str | None:
    for route in routes:
        if getattr(route, "endpoint", None) is endpoint:
            return str(route.path_format)
    return None
