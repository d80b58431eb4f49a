"""The words a connector is described in: closed sets of values, no code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Effect = Literal["read", "write", "message", "money"]
"""What a call does outside. It decides on retries, on dry runs and on how much is audited."""
Stability = Literal["alpha", "beta", "stable"]
Encoding = Literal["json", "form", "nested form", "graphql", "none"]
"""Of a body. A nested form spells `a[b]=c`, lists `a[0]=c`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the vendor says, or our own caution where it says nothing."""

    requests_per_minute: int | None = None
    burst_limit: int | None = None
    """In any second."""
    per: Literal["app", "connection", "operation"] = "connection"
    """Who is refused together: all connections of a kind, or all calls of one connection, or
    those of one operation of it."""
    wait_from: tuple[str, ...] = ("retry-after",)
    """Headers of a refusal that say how long to wait: seconds, or a date."""
    remaining: str = ""
    """Header that says how many are left, of `reset`'s window."""
    reset: str = ""
    """Header that says when there are more: seconds, or seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Which answers mean what; all other answers of 4xx are the request's fault."""

    auth: tuple[int, ...] = (401,)
    forbidden: tuple[int, ...] = (403,)
    absent: tuple[int, ...] = (404, 410)
    clash: tuple[int, ...] = (409, 412)
    throttled: tuple[int, ...] = (429,)
    vendor_down: tuple[int, ...] = (500, 502, 503, 504)
    message: tuple[str, ...] = ("error.message", "message", "error_description", "error")
    """Where an answer says why, as dotted paths; the first that is a text."""
    code: str | tuple[str, ...] = ""
    """Where an answer of any status says what went wrong: `error` of Slack, `error` of Last.fm."""
    code_from: int = 200
    """The least status at which that is looked for: 400 where good answers never say it."""
    codes: Mapping[str, str] = field(default_factory=dict[str, str])
    """What those words mean: auth, forbidden, absent, clash, invalid, throttled, spent,
    vendor_down."""
    retry_from: str = ""
    """Header that says `true` or `false`: whether to try once more."""
    scopes: str = ""
    """Where an answer names the scopes that were needed, with commas or spaces between."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How to tell a connection with play money. All others move real money."""

    setting: str
    """Of a key, or of an address."""
    prefixes: tuple[str, ...]
    """One of them is how it begins."""


@dataclass(frozen=True, slots=True)
class Probe:
    """How to find out whether a connection works."""

    operation: str
    """One without arguments, or with what `arguments` says; it reads, and costs little."""
    every_s: float = 60.0
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Key:
    """Where a key goes that keeps a call from being done twice."""

    header: str = "idempotency-key"
    argument: str = ""
    """In place of a header: the argument that takes it."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The answer names the next page, and a parameter takes that name."""

    items: str
    """Where the answer has its list, as a dotted path."""
    next: str
    """Where it has the name of the next page; absent, null or empty is the end."""
    parameter: str
    """Which argument takes it."""
    more: str = ""
    """Where it says whether there is a next page, when it names one after the last too."""


@dataclass(frozen=True, slots=True)
class LastId:
    """The next page begins after the last thing of this one."""

    items: str
    more: str
    """Where the answer says whether there is more."""
    parameter: str
    id: str = "id"


@dataclass(frozen=True, slots=True)
class Offset:
    """Pages begin at a number of things."""

    items: str
    parameter: str = "offset"
    limit: str = "limit"
    """Which argument says how many a page has."""
    total: str = ""
    """Where the answer has the number of all; without it a short page is the last."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Pages have numbers, from 1."""

    items: str
    parameter: str = "page"
    total_pages: str = ""
    """Where the answer has their number; without it an empty page is the last."""


@dataclass(frozen=True, slots=True)
class NextUrl:
    """The answer has the address of the next page."""

    items: str
    next: str


@dataclass(frozen=True, slots=True)
class LinkHeader:
    """The header `link` has it, as `rel="next"` (RFC 8288)."""

    items: str = ""


Pages = Cursor | LastId | Offset | Numbered | NextUrl | LinkHeader
