"""Words and small forms that all translations to Envoy share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]  # Envoy's own JSON form, checked by Envoy

T = "type.googleapis.com/envoy."
FILTERS = f"{T}extensions.filters.http."
RESOURCES = "xds"
ENDPOINTS = "eds"
"""Folders of the dynamic files, below Envoy's working folder."""
ROUTE_CONFIG = "routes"
ADMIN_SOCKET = "admin.sock"
STAT_PREFIX = "gateway"
ROUTE_STATS = "intertie.route"
"""Begins the names of what is counted of each route."""

IDENTITY_HEADER = "x-forwarded-user"
"""Who asks, as JSON: for services."""
CLIENT_HEADER = "x-client-id"
"""Who asks, as limits and records know it: `user:ada`, `key:7f3a`."""
TENANT_HEADER = "x-tenant-id"
ROLES_HEADER = "x-roles"
"""Roles between commas, also before the first and after the last."""
KEY_HEADER = "x-api-key"
ADDRESS_HEADER = "x-intertie-address"
"""Where a request came from, for the login pages."""
ORIGINAL_PATH_HEADER = "x-envoy-original-path"
COOKIE_PATTERN = r"(?:.*;\s*)?(?:__Host-)?intertie=.*"
"""A `cookie` header that has the cookie of a login."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What goes into the dynamic files, each sorted by name."""

    clusters: tuple[Json, ...]
    endpoints: tuple[Json, ...]
    filters: tuple[Json, ...]
    routes: tuple[Json, ...]


def file_source(kind: str, folder: str = RESOURCES) -> Json:
    """Where Envoy finds one kind of resource, relative to its working folder."""
    return {
        "resource_api_version": "V3",
        "path_config_source": {
            "path": f"{folder}/{kind}.json",
            "watched_directory": {"path": folder},
        },
    }


def filter_file(name: str) -> str:
    """The kind, in the sense of `file_source`, of the file of a filter."""
    return f"filter.{name}"


def percent(value: float) -> Json:
    """A part of all, to a ten thousandth of a percent."""
    return {"numerator": round(value * 10_000), "denominator": "MILLION"}


def seconds(value: float) -> str:
    """A duration as JSON has it; Envoy knows nanoseconds, we do not."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


def overwrite(headers: Mapping[str, str]) -> list[Json]:
    """Headers in place of those that are there."""
    return [_header(name, text, "OVERWRITE_IF_EXISTS_OR_ADD") for name, text in headers.items()]


def append(headers: Mapping[str, str]) -> list[Json]:
    """Headers beside those that are there."""
    return [_header(name, text, "APPEND_IF_EXISTS_OR_ADD") for name, text in headers.items()]


def default(headers: Mapping[str, str]) -> list[Json]:
    """Headers for where there are none of that name."""
    return [_header(name, text, "ADD_IF_ABSENT") for name, text in headers.items()]


def plain(text: str) -> str:
    """Text in which Envoy finds no command."""
    return text.replace("%", "%%")


def enabled() -> Json:
    """For a route: the filter, which is off elsewhere, is on, with its own configuration."""
    return {"@type": f"{T}config.route.v3.FilterConfig", "config": {}}


def disabled() -> Json:
    """For a route: the filter is not even made for the request, quicker than its own opt-out."""
    return {"@type": f"{T}config.route.v3.FilterConfig", "disabled": True}


def _header(name: str, text: str, action: str) -> Json:
    return {"header": {"key": name, "value": text}, "append_action": action}
