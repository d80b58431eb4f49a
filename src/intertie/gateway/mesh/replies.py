"""What a sidecar says when it refuses a call: to the caller, and in its log."""

from intertie.gateway.xds import Json, T

_REFUSED = (
    "response.code_details.startsWith('rbac_')"
    " || (response.code == 403 && response.code_details == 'direct_response')"
)


def local_replies(identity: str, caller: str) -> Json:
    """Problem documents (RFC 9457) in place of Envoy's own words."""
    return {
        "mappers": [
            {
                "filter": {
                    "status_code_filter": {
                        "comparison": {
                            "op": "EQ",
                            "value": {"default_value": 403, "runtime_key": "unused"},
                        }
                    }
                },
                "body_format_override": _problem(
                    "Forbidden",
                    f"cannot call {identity} as {caller}: it is not declared; name it in"
                    " depends_on, or in mesh.allow",
                ),
            }
        ],
        "body_format": _problem("cannot pass on this call", "%LOCAL_REPLY_BODY%"),
    }


def failed_calls() -> Json:
    """For the caller's side: a callee that could not prove who it is, is named as the cause."""
    cause = "%LOCAL_REPLY_BODY%; %UPSTREAM_TRANSPORT_FAILURE_REASON%"
    return {"body_format": _problem("cannot pass on this call", cause)}


def refused_calls(identity: str, caller: str) -> list[Json]:
    """An access log of refused calls only, on standard output, with the others of the service."""
    fields = {
        "time": "%START_TIME%",
        "event": "call refused",
        "caller": caller,
        "target": identity,
        "method": "%REQ(:METHOD)%",
        # Without the query, which may hold secrets.
        "path": "%PATH(NQ:ORIG_OR_PATH)%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
    }
    return [
        {
            "name": "envoy.access_loggers.stdout",
            "filter": _only(_REFUSED),
            "typed_config": {
                "@type": f"{T}extensions.access_loggers.stream.v3.StdoutAccessLog",
                "log_format": {"json_format": fields},
            },
        }
    ]


def _only(expression: str) -> Json:
    return {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": f"{T}extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": expression,
            },
        }
    }


def _problem(title: str, detail: str) -> Json:
    return {
        "content_type": "application/problem+json",
        "json_format": {
            "type": "about:blank",
            "title": title,
            "status": "%RESPONSE_CODE%",
            "detail": detail,
            "code": "%RESPONSE_CODE_DETAILS%",
        },
    }
