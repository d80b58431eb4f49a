"""Answers are compressed for clients that can read them so."""

from collections.abc import Callable
from typing import Literal

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json, T, enabled

Encoding = Literal["gzip", "zstd", "br"]

KIND = f"{FILTERS}compressor.v3.Compressor"
ENCODINGS: tuple[Encoding, ...] = ("gzip", "zstd", "br")
"""Of what a client likes equally well, the last in the chain is taken."""

_LIBRARIES = {"gzip": "gzip.compressor.v3.Gzip", "zstd": "zstd.compressor.v3.Zstd"}
_LIBRARIES["br"] = "brotli.compressor.v3.Brotli"
_MIN_BYTES = 1024
_TYPES = (
    "application/javascript",
    "application/json",
    "application/problem+json",
    "application/xml",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/plain",
    "text/xml",
)


def name(encoding: Encoding) -> str:
    """Of the filter."""
    return f"intertie.compression.{encoding}"


def config(encoding: Encoding) -> Json:
    """What is compressed, and by what."""
    kind = f"{T}extensions.compression.{_LIBRARIES[encoding]}"
    return {
        "compressor_library": {"name": encoding, "typed_config": {"@type": kind}},
        "choose_first": encoding == "br",
        "response_direction_config": {
            "common_config": {"min_content_length": _MIN_BYTES, "content_type": list(_TYPES)},
            "disable_on_etag_header": False,
        },
    }


def on_route_of(encoding: Encoding) -> Callable[[Rule, Credential], Json | None]:
    """Whether a route has it."""

    def on_route(rule: Rule, credential: Credential) -> Json | None:
        wanted = rule.compression
        return enabled() if wanted.enabled and encoding in wanted.encodings else None

    return on_route
