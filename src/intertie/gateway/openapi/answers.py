"""What the gateway itself says in an OpenAPI document: its ways to log in, and its refusals."""

from collections.abc import Sequence
from typing import TypeAlias

from intertie.gateway.openapi.source import Json
from intertie.suite.security import AuthMethod

PROBLEM = "Problem"
"""Name of the schema of every refusal."""

_SCHEMES: dict[AuthMethod, tuple[str, Json]] = {
    "jwt": (
        "bearer",
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token in `authorization: Bearer`.",
        },
    ),
    "signature": (
        "signature",
        {
            "type": "http",
            "scheme": "signature",
            "description": "HTTP Message Signatures (RFC 9421), by the secret of an API key.",
        },
    ),
    "api_key": (
        "apiKey",
        {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key."},
    ),
    "session": (
        "session",
        {"type": "apiKey", "in": "cookie", "description": "The cookie of a login."},
    ),
}
_Headers: TypeAlias = dict[str, tuple[str, str]]
"""Type and meaning, by name."""

_WAIT: _Headers = {"Retry-After": ("integer", "Seconds to wait.")}
_RATES: _Headers = {
    "RateLimit-Policy": ("string", 'Limits: `"default";q=1000;w=3600`.'),
    "RateLimit": ("string", 'What is left: `"default";r=999;t=3600`.'),
}
_ANSWERS: dict[str, tuple[str, str, _Headers]] = {
    "400": ("Malformed", "The request is not as described.", {}),
    "401": (
        "Unauthorized",
        "Nothing shows who is asking, or it is not valid.",
        {"WWW-Authenticate": ("string", "What may be shown.")},
    ),
    "403": ("Forbidden", "Whoever asks may not do this.", {}),
    "404": ("NotFound", "There is no such path.", {}),
    "405": (
        "MethodNotAllowed",
        "The path does not have this method.",
        {"Allow": ("string", "The methods that it has.")},
    ),
    "413": ("TooLarge", "The body is too large.", {}),
    "415": ("UnsupportedMediaType", "The body is of a kind that is not taken.", {}),
    "422": ("Invalid", "The body is not as described.", {}),
    "429": ("TooManyRequests", "A limit is used up.", {**_WAIT, **_RATES}),
    "503": ("Unavailable", "No replica of the service can take the request now.", _WAIT),
    "504": ("Timeout", "The service did not answer in time.", {}),
}
_ALWAYS = ("404", "405", "413", "429", "503", "504")
_AUTH = ("401", "403")
_CHECKED = ("400", "415", "422")


def security_schemes(methods: Sequence[AuthMethod], cookie: str) -> Json:
    """What can be shown, for the methods that are accepted anywhere."""
    found: Json = {}
    for method in methods:
        name, scheme = _SCHEMES[method]
        found[name] = {**scheme, "name": cookie} if method == "session" else dict(scheme)
    return found


def security(methods: Sequence[AuthMethod]) -> list[Json]:
    """Any one of these is needed; none is open to everybody."""
    return [{_SCHEMES[method][0]: []} for method in methods]


def responses() -> Json:
    """All refusals, for `components`."""
    return {name: _response(told, headers) for name, told, headers in _ANSWERS.values()}


def refusals(*, closed: bool, checked: bool) -> Json:
    """Those of one operation, by status."""
    codes = [*_ALWAYS, *(_AUTH if closed else ()), *(_CHECKED if checked else ())]
    return {code: {"$ref": f"#/components/responses/{_ANSWERS[code][0]}"} for code in sorted(codes)}


def _response(told: str, headers: _Headers) -> Json:
    made: Json = {
        "description": told,
        "content": {
            "application/problem+json": {"schema": {"$ref": f"#/components/schemas/{PROBLEM}"}}
        },
    }
    if headers:
        made["headers"] = {name: _header(*about) for name, about in headers.items()}
    return made


def _header(kind: str, told: str) -> Json:
    return {"description": told, "schema": {"type": kind}}


def problem_schema() -> Json:
    """RFC 9457, with what the gateway adds."""
    text: Json = {"type": "string"}
    wrong: Json = {
        "type": "object",
        "properties": {
            "in": {"enum": ["path", "query", "header", "cookie", "body", "method"]},
            "name": {"type": "string", "description": "Of a parameter."},
            "pointer": {"type": "string", "description": "JSON Pointer into the body."},
            "message": text,
        },
        "required": ["in", "message"],
    }
    return {
        "type": "object",
        "description": "Why a request was refused (RFC 9457).",
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "violations": {"type": "array", "items": wrong},
        },
        "required": ["title", "status"],
    }
