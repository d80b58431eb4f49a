"""Limits that Envoy counts itself: quick, each gateway for itself, by token buckets. Pure.

One filter for each length of time, the shortest first, each with a file of its own: two limits in
one filter would take from each other's buckets for requests that are refused. Before each stands a
filter that tells its state by the RateLimit fields. A bucket lets up to twice its rate pass in one
length of time after a pause; limits that must be exact are the authorizer's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from intertie.gateway.limits.fields import POLICY_FIELD, QUOTA_EXCEEDED, STATE_FIELD
from intertie.gateway.limits.plan import ALL_ROUTES
from intertie.gateway.xds import (
    CLIENT_HEADER,
    FILTERS,
    TENANT_HEADER,
    Json,
    append,
    enabled,
    overwrite,
    seconds,
)
from intertie.suite.identity import TenantRates
from intertie.suite.limits import SECONDS, UNITS, RateLimiting, Unit, Window

KIND = f"{FILTERS}local_ratelimit.v3.LocalRateLimit"
FIELDS_KIND = f"{FILTERS}header_mutation.v3.HeaderMutation"
METADATA = "intertie"
"""Of a route: `filter_metadata` that says which limits it counts by."""
MAX_CLIENTS = 100_000
"""Buckets of one filter; the default of Envoy, 20, would forget a client after 20 others."""

_SCOPE = "limits"
# Must be there, and is what a request without a descriptor takes from.
_ENDLESS = {"max_tokens": 4_000_000_000, "tokens_per_fill": 4_000_000_000, "fill_interval": "1s"}
_WHICH, _WAIT = "x-intertie-limit", "x-intertie-wait"
_TENANT_UNITS: tuple[Unit, ...] = ("second", "minute", "hour")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in the chain for the limits of one length of time."""

    unit: Unit
    of_tenant: bool = False

    @property
    def policy(self) -> str:
        """As clients are told."""
        return f"tenant-{self.unit}" if self.of_tenant else self.unit

    @property
    def name(self) -> str:
        """Of the filter, and of its file."""
        return f"intertie.limit.{self.policy}"

    @property
    def fields_name(self) -> str:
        """Of the filter that tells its state; it stands right before this one."""
        return f"intertie.limit-fields.{self.policy}"


SLOTS: tuple[Slot, ...] = (
    *(Slot(unit) for unit in UNITS),
    *(Slot(unit, of_tenant=True) for unit in _TENANT_UNITS),
)
"""In the order requests meet them."""


def config(
    slot: Slot,
    limits: RateLimiting | None,
    *,
    routes: Mapping[str, tuple[Window, ...] | None],
    tenants: Mapping[str, TenantRates],
) -> Json:
    """What the file of one slot holds. `routes`: those that are limited, with their own rates."""
    shadow = limits is not None and limits.shadow
    found: Json = {
        "stat_prefix": slot.name,
        "token_bucket": _ENDLESS,
        "filter_enabled": _part(100),
        "filter_enforced": _part(0 if shadow else 100),
        "max_dynamic_descriptors": MAX_CLIENTS,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "response_headers_to_add": overwrite(
            {f"{name}-{slot.policy}": "1" for name in (_WHICH, _WAIT)}
        ),
    }
    if limits is None:
        return found
    found["status"] = {"code": limits.throttling_response}
    if slot.of_tenant:
        actions = [[_header_action(TENANT_HEADER, "tenant")]]
        descriptors = list(_of_tenants(slot.unit, tenants))
        found |= _told_when_refused(descriptors)
    else:
        actions = list(_actions(limits.key))
        descriptors = list(_of_clients(slot.unit, limits, routes))
    if not descriptors:
        return found
    each = [{"actions": parts} for parts in actions]
    return {**found, "rate_limits": each, "descriptors": descriptors}


def fields(slot: Slot) -> Json:
    """What tells the slot's state, if its filter ran, and takes away Envoy's own names for it.

    Envoy cannot add a header on a condition, so each is first put in the place of one that is there
    only then; an empty one is not sent. When more is to be had is told to who is refused only: a
    bucket that is not empty gives at once, and Envoy says 0 for it.
    """
    window_s = SECONDS[slot.unit]
    which, wait = f"{_WHICH}-{slot.policy}", f"{_WAIT}-{slot.policy}"
    state = f'"{slot.policy}";r=%RESP(x-ratelimit-remaining)%'
    told = f"%RESP({wait}?x-ratelimit-remaining)%"
    policy = f'"{slot.policy}";q=%RESP(x-ratelimit-limit)%;w={window_s}'
    steps = [
        _in_place(wait, f"{state};t=%RESP(x-ratelimit-reset)%"),
        _in_place("x-ratelimit-remaining", state),
        _in_place("x-ratelimit-limit", policy),
        _in_place(which, "%RESP(x-ratelimit-reset)%"),
        *({"append": each} for each in append({STATE_FIELD: told})),
        *({"append": each} for each in append({POLICY_FIELD: "%RESP(x-ratelimit-limit)%"})),
        *({"append": each} for each in overwrite({"retry-after": f"%RESP({which})%"})),
        *({"remove": f"x-ratelimit-{what}"} for what in ("limit", "remaining", "reset")),
        {"remove": which},
        {"remove": wait},
    ]
    return {"mutations": {"response_mutations": steps}}


def on_route(
    slot: Slot,
    limits: RateLimiting | None,
    *,
    windows: tuple[Window, ...] | None,
    tenants: Mapping[str, TenantRates],
) -> Json | None:
    """Of the filters of a slot, on a limited route; None where it has no limit of that length."""
    if limits is None:
        return None
    if slot.of_tenant:
        return enabled() if any(_of_tenants(slot.unit, tenants)) else None
    usual = (limits.default_rate, limits.burst_rate)
    known = {window.unit for window in (windows if windows is not None else usual) if window}
    if windows is None:
        known |= {window.unit for each in limits.consumers.values() for window in each}
    return enabled() if slot.unit in known else None


def metadata(scope: str) -> Json:
    """Of a route: `metadata`. `scope` is its name if it has rates of its own, else `*`."""
    return {"filter_metadata": {METADATA: {_SCOPE: scope}}}


def limits_reply(status: int = 429) -> Json:
    """Of the listener's local replies, behind that of the authorizer: a problem document.

    By its status: Envoy sets the flag of a limit only after it has written the answer.
    """
    code = {"default_value": status, "runtime_key": "unused"}
    return {
        "filter": {"status_code_filter": {"comparison": {"op": "EQ", "value": code}}},
        "body_format_override": {
            "content_type": "application/problem+json",
            "json_format": {
                "type": QUOTA_EXCEEDED,
                "title": "Too Many Requests",
                "status": "%RESPONSE_CODE%",
                "detail": "cannot take more requests now: see Retry-After and RateLimit",
                "code": "rate_limited",
                "route": "%ROUTE_NAME%",
                "request_id": "%REQ(X-REQUEST-ID)%",
            },
        },
    }


def _of_clients(
    unit: Unit, limits: RateLimiting, routes: Mapping[str, tuple[Window, ...] | None]
) -> Iterable[Json]:
    usual = (limits.default_rate, limits.burst_rate)
    by_route = "route" in limits.key.split("+")
    scopes = {ALL_ROUTES: None} if not by_route else {}
    own = {name: each for name, each in routes.items() if by_route or each is not None}
    for scope, windows in {**scopes, **own}.items():
        known = windows if windows is not None else usual
        window = _of(unit, known)
        if windows is None:
            yield from _plans(unit, scope, limits)
        if window is not None:
            yield from (_descriptor(scope, shape, window) for shape in _shapes(limits.key))


def _plans(unit: Unit, scope: str, limits: RateLimiting) -> Iterable[Json]:
    """Exact clients; what they have no rate of, the rate of all does not hold for either."""
    if "client" not in limits.key.split("+"):
        return
    for client, windows in sorted(limits.consumers.items()):
        window = _of(unit, windows)
        shape = [
            {**entry, "value": client} if entry["key"] == "client" else entry
            for entry in _shapes(limits.key)[0]
        ]
        yield _descriptor(scope, shape, window)


def _of_tenants(unit: Unit, tenants: Mapping[str, TenantRates]) -> Iterable[Json]:
    for name, rates in sorted(tenants.items()):
        counts = {
            "second": rates.burst_limit,
            "minute": rates.requests_per_minute,
            "hour": rates.requests_per_hour,
        }
        if count := counts.get(unit):
            window = Window(SECONDS[unit], count, unit)
            yield {"entries": [{"key": "tenant", "value": name}], "token_bucket": _bucket(window)}


def _actions(key: str) -> Iterable[list[Json]]:
    """What of a request is counted by itself; for each way a client can be told."""
    scope = {
        "metadata": {
            "descriptor_key": "route",
            "metadata_key": {"key": METADATA, "path": [{"key": _SCOPE}]},
            "source": "ROUTE_ENTRY",
            "default_value": ALL_ROUTES,
        }
    }
    address = {"masked_remote_address": {"v4_prefix_mask_len": 32, "v6_prefix_mask_len": 64}}
    parts = [part for part in key.split("+") if part != "route"]
    known = {"ip": address, "tenant": _header_action(TENANT_HEADER, "tenant")}
    known["client"] = _header_action(CLIENT_HEADER, "client")
    yield [scope, *(known.get(part) or _header_of(part) for part in parts)]
    if "client" in parts:
        # Who is not known is counted by address: a missing header is no descriptor, no limit.
        nobody = {
            "header_value_match": {
                "descriptor_key": "nobody",
                "descriptor_value": "yes",
                "expect_match": False,
                "headers": [{"name": CLIENT_HEADER, "present_match": True}],
            }
        }
        yield [scope, nobody, address]


def _shapes(key: str) -> list[list[Json]]:
    """The entries of the descriptors that `_actions` makes, after the scope."""
    names = {"ip": "masked_remote_address"}
    parts = [part for part in key.split("+") if part != "route"]
    shapes: list[list[Json]] = [[{"key": names.get(part, part)} for part in parts]]
    if "client" in parts:
        shapes.append([{"key": "nobody", "value": "yes"}, {"key": "masked_remote_address"}])
    return shapes


def _descriptor(scope: str, shape: list[Json], window: Window | None) -> Json:
    bucket = _bucket(window) if window else _ENDLESS
    return {"entries": [{"key": "route", "value": scope}, *shape], "token_bucket": bucket}


def _told_when_refused(descriptors: Iterable[Json]) -> Json:
    """Of tenants: Envoy would tell the others of the endless bucket they take from.

    The wait is that of the slowest: never too short.
    """
    buckets = [each["token_bucket"] for each in descriptors]
    waits = (-(-int(each["fill_interval"][:-1]) // each["max_tokens"]) for each in buckets)
    return {
        "enable_x_ratelimit_headers": "OFF",
        "response_headers_to_add": overwrite({"retry-after": str(max(waits, default=1))}),
    }


def _bucket(window: Window) -> Json:
    return {
        "max_tokens": window.count,
        "tokens_per_fill": window.count,
        "fill_interval": seconds(window.period_s),
    }


def _of(unit: Unit, windows: Iterable[Window | None]) -> Window | None:
    return next((each for each in windows if each and each.unit == unit), None)


def _header_action(header: str, key: str) -> Json:
    return {"request_headers": {"header_name": header, "descriptor_key": key}}


def _header_of(part: str) -> Json:
    return _header_action(part.removeprefix("header:"), part)


def _in_place(name: str, text: str) -> Json:
    header = {"key": name, "value": text}
    return {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS"}}


def _part(percent: int) -> Json:
    return {"default_value": {"numerator": percent, "denominator": "HUNDRED"}}
