"""Headers by which clients say who they are, where they come from and what they really want."""

from collections.abc import Iterator
from dataclasses import dataclass

EVIL = "evil-value"
IDENTITY = ("x-forwarded-user", "x-client-id", "x-tenant-id", "x-roles")
"""Only the gateway may make them."""
GATEWAY_ONLY = (
    *IDENTITY,
    "x-envoy-original-path",
    "x-envoy-internal",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-decorator-operation",
    "x-intertie-address",
    "x-intertie-route",
    "x-intertie-jti",
)
OTHER_PATH = (
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-override-url",
    "x-http-path-override",
    "x-forwarded-uri",
    "x-forwarded-path",
)
"""By which services of some kinds take another path than that of the request line."""
OTHER_METHOD = ("x-http-method-override", "x-http-method", "x-method-override")
OTHER_CLIENT = (
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-cluster-client-ip",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-forwarded",
    "forwarded-for",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-server",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "front-end-https",
    "x-host",
)
"""By which services take another client, host or scheme than those of the connection."""


@dataclass(frozen=True, slots=True)
class HeaderTry:
    """Lines of a request, none of whose text may come to the service as one of these headers."""

    kind: str
    name: str
    lines: tuple[str, ...]


def header_tries() -> list[HeaderTry]:
    """Every way to write every header that is not for clients to send."""
    names = (*GATEWAY_ONLY, *OTHER_PATH, *OTHER_METHOD, *OTHER_CLIENT)
    return [each for name in names for each in _ways(name)]


def _ways(name: str) -> Iterator[HeaderTry]:
    title = "-".join(part.capitalize() for part in name.split("-"))
    plain = f"{name}: {EVIL}"
    for kind, lines in {
        "plain": (plain,),
        "title case": (f"{title}: {EVIL}",),
        "upper case": (f"{name.upper()}: {EVIL}",),
        "twice": (plain, plain),
        "empty, then full": (f"{name}:", plain),
        "underscores": (f"{name.replace('-', '_')}: {EVIL}",),
        "one underscore": (f"{name.replace('-', '_', 1)}: {EVIL}",),
        "space before colon": (f"{name} : {EVIL}",),
        "tab before colon": (f"{name}\t: {EVIL}",),
        "space before name": (f" {plain}",),
        "folded": ("x-other: a", f" {plain}"),
        "folded value": (f"{name}:", f" {EVIL}"),
        "null in name": (f"{name}\x00: {EVIL}",),
        "null in value": (f"{name}: {EVIL}\x00",),
        "bare return": (f"x-other: a\r{plain}",),
        "bare line feed": (f"x-other: a\n{plain}",),
        "vertical tab": (f"{name}\x0b: {EVIL}",),
        "named by connection": (plain, f"connection: {name}"),
        "wide hyphen": (f"{name.replace('-', chr(0x2010))}: {EVIL}",),
    }.items():
        yield HeaderTry(kind, name, lines)
