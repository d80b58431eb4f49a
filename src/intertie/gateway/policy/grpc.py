"""gRPC for clients that do not speak it: browsers, and those that send JSON."""

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json, T, enabled
from intertie.suite.route import Transcoding

WEB = "envoy.filters.http.grpc_web"
WEB_KIND = f"{FILTERS}grpc_web.v3.GrpcWeb"
JSON = "envoy.filters.http.grpc_json_transcoder"
JSON_KIND = f"{FILTERS}grpc_json_transcoder.v3.GrpcJsonTranscoder"
NO_SERVICE: Json = {"proto_descriptor_bin": "", "services": []}
"""The filter's own configuration: each route has its services."""
ERRORS = "intertie.grpc-errors"
ERRORS_KIND = f"{FILTERS}custom_response.v3.CustomResponse"

_STREAMS = {"lines": "stream_newline_delimited", "events": "stream_sse_style_delimited"}
# Set by the filter on requests that it changed; clients cannot send it.
_TRANSCODED = "x-envoy-original-method"
_WHY = "%LOCAL_REPLY_BODY%"
_MESSAGE = {"text_format_source": {"inline_string": "%RESP(GRPC-MESSAGE)%"}}
_FAILED = "0*[1-9][0-9]*"
_INPUTS = "type.googleapis.com/envoy.type.matcher.v3."
_POLICY = f"{T}extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy"


def on_web_route(rule: Rule, credential: Credential) -> Json | None:
    """gRPC-Web becomes gRPC."""
    return enabled() if rule.route.grpc_web else None


def on_json_route(rule: Rule, credential: Credential) -> Json | None:
    """JSON becomes a call by the `google.api.http` options of a method, or by its own name."""
    wanted = rule.route.grpc_json
    if wanted is None:
        return None
    return {
        "@type": JSON_KIND,
        "proto_descriptor_bin": rule.descriptor,
        "services": list(wanted.services),
        "auto_mapping": True,
        # Or the route would be chosen again, by a path that no client asked for.
        "match_incoming_request_route": True,
        "print_options": _print_options(wanted),
        "request_validation_options": {
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    }


def on_errors_route(rule: Rule, credential: Credential) -> Json | None:
    """Of a route with JSON; it stands before what makes JSON, so that it sees its answers."""
    return None if rule.route.grpc_json is None else {"@type": ERRORS_KIND, **_errors()}


def grpc_replies() -> list[Json]:
    """Of the listener's local replies: for who sent JSON a problem document (RFC 9457).

    A client of gRPC gets the reason as it is, as its message.
    """
    spoken = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    made_of_json = {"name": _TRANSCODED, "present_match": True}
    return [
        {
            "filter": {"header_filter": {"header": made_of_json}},
            "body_format_override": _problem(),
        },
        {
            "filter": {"header_filter": {"header": spoken}},
            "body_format_override": {"text_format_source": {"inline_string": _WHY}},
        },
    ]


def _print_options(wanted: Transcoding) -> Json:
    made: Json = {
        "always_print_primitive_fields": wanted.print_defaults,
        "preserve_proto_field_names": wanted.keep_field_names,
    }
    return made | ({_STREAMS[wanted.stream]: True} if wanted.stream in _STREAMS else {})


def _errors() -> Json:
    """A call that failed becomes a local reply, with the status that stands for it.

    https://cloud.google.com/apis/design/errors#handling_errors has the statuses.
    """
    failed = _header("HttpResponseHeaderMatchInput", "grpc-status", _FAILED)
    made_of_json = _header("HttpRequestHeaderMatchInput", _TRANSCODED, ".+")
    told = {
        "name": "problem",
        "typed_config": {"@type": _POLICY, "body_format": _MESSAGE},
    }
    matchers = [
        {
            "predicate": {"and_matcher": {"predicate": [failed, made_of_json]}},
            "on_match": {"action": told},
        }
    ]
    return {"custom_response_matcher": {"matcher_list": {"matchers": matchers}}}


def _header(kind: str, name: str, pattern: str) -> Json:
    typed = {"@type": f"{_INPUTS}{kind}", "header_name": name}
    regex = {"safe_regex": {"google_re2": {}, "regex": pattern}}
    return {
        "single_predicate": {"input": {"name": name, "typed_config": typed}, "value_match": regex}
    }


def _problem() -> Json:
    return {
        "content_type": "application/problem+json",
        "json_format": {
            "type": "about:blank",
            "title": "cannot answer this call",
            "status": "%RESPONSE_CODE%",
            "detail": _WHY,
            "request_id": "%REQ(X-REQUEST-ID)%",
        },
    }
