"""Envoy's side of the authorizer: one filter, off until a route asks for it. Pure."""

from collections.abc import Iterable

from intertie.gateway.authz.question import (
    ADDRESS,
    CHECK_PREFIX,
    REQUEST_ID,
    ROUTE,
    TOKEN_ID,
    TOKEN_TIME,
)
from intertie.gateway.limits.fields import POLICY_FIELD, STATE_FIELD
from intertie.gateway.routes import AUTHORIZER
from intertie.gateway.xds import (
    CLIENT_HEADER,
    FILTERS,
    IDENTITY_HEADER,
    KEY_HEADER,
    ROLES_HEADER,
    TENANT_HEADER,
    Json,
    enabled,
    seconds,
)

NAME = "intertie.authz"
KIND = f"{FILTERS}ext_authz.v3.ExtAuthz"
TOKEN_PAYLOAD = "payload"  # noqa: S105 - a name
"""`payload_in_metadata` of the token filter: where the authorizer finds `jti` and `iat`."""
GATEWAY_ONLY = (
    CLIENT_HEADER,
    TENANT_HEADER,
    ROLES_HEADER,
    ROUTE,
    ADDRESS,
    REQUEST_ID,
    TOKEN_ID,
    TOKEN_TIME,
)
"""Headers to be dropped at the door, beside those that the listener drops already."""

_TIMEOUT_S = 0.5
_PAYLOAD = f"%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:{TOKEN_PAYLOAD}"
# All else stays here: the authorizer has no use for it.
ASKED = (
    *(KEY_HEADER, "cookie", IDENTITY_HEADER, "accept", "content-type"),
    *("origin", "access-control-request-method"),
)
_TO_SERVICE = (IDENTITY_HEADER, CLIENT_HEADER, TENANT_HEADER, ROLES_HEADER, "cookie")
_TO_CLIENT = (POLICY_FIELD, STATE_FIELD)
_WHEN_REFUSED = (
    *_TO_CLIENT,
    "retry-after",
    "www-authenticate",
    "location",
    "cache-control",
    "allow",
)


def config(named: Iterable[str] = (), *, has_tokens: bool = True) -> Json:
    """The filter's own; it stands behind the token filter.

    `named` are headers that limits count by, or that requests are checked for. Without tokens
    nothing is said of them: each header that is written here costs each request.

    An authorizer that is away lets nobody in.
    """
    added = {
        ROUTE: "%ROUTE_NAME%",
        ADDRESS: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        REQUEST_ID: "%REQ(X-REQUEST-ID)%",
    }
    if has_tokens:
        added |= {TOKEN_ID: f"{_PAYLOAD}:jti)%", TOKEN_TIME: f"{_PAYLOAD}:iat)%"}
    return {
        "transport_api_version": "V3",
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "allowed_headers": _exactly((*ASKED, *named)),
        # It would be sent without being asked for.
        "disallowed_headers": _exactly(("authorization",)),
        "http_service": {
            "server_uri": {
                "uri": "http://authorizer",
                "cluster": AUTHORIZER,
                "timeout": seconds(_TIMEOUT_S),
            },
            "path_prefix": CHECK_PREFIX,
            "authorization_request": {
                "headers_to_add": [{"key": key, "value": value} for key, value in added.items()]
            },
            "authorization_response": {
                "allowed_upstream_headers": _exactly(_TO_SERVICE),
                "allowed_client_headers": _exactly((*_WHEN_REFUSED, "content-type")),
                "allowed_client_headers_on_success": _exactly(_TO_CLIENT),
            },
        },
    }


def authz_on(max_body_bytes: int | None = None) -> Json:
    """Of a route that asks; with a number, its bodies go along, and none may be larger."""
    if max_body_bytes is None:
        return enabled()
    return {
        "@type": f"{KIND}PerRoute",
        "check_settings": {
            # Whole or not at all: a longer body is answered 413, and nobody is asked.
            "with_request_body": {
                "max_request_bytes": max_body_bytes,
                "allow_partial_message": False,
            }
        },
    }


def authz_reply() -> Json:
    """The first of the listener's local replies: what the authorizer says is told as it is."""
    return {
        "filter": {"response_flag_filter": {"flags": ["UAEX"]}},
        "body_format_override": {
            "content_type": "application/problem+json",
            "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
        },
    }


def _exactly(names: Iterable[str]) -> Json:
    return {"patterns": [{"exact": name} for name in names]}
