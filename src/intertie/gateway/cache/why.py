"""For one request: what would happen to it, by which rule, and what is kept of its address."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from intertie.gateway.cache import caller, policy
from intertie.gateway.cache.engine import Engine
from intertie.gateway.cache.message import Request
from intertie.gateway.cache.policy import Rule
from intertie.gateway.cache.store import PUBLIC, Kept

Verdict = Literal["hit", "stale hit", "revalidate", "miss", "not cached"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Question(_Model):
    """A request as the gateway would send it."""

    url: str = Field(min_length=1)
    """`/path?query`, or `http://host/path`."""
    method: str = "GET"
    headers: dict[str, str] = {}
    """Those of the gateway (route, tenant, identity) included."""


class Variant(_Model):
    """One kept answer."""

    status: int
    age_s: int
    ttl_s: int
    """Negative once it is stale."""
    lifetime_from: str
    """The field that says how long it is fresh, or `default_ttl`."""
    partition: Literal["public", "anonymous", "one identity"]
    selected: bool
    """It is the one this request gets."""
    vary: dict[str, str | None]
    """What the request that brought it said in the fields that Vary names."""
    size_bytes: int
    hits: int
    tags: tuple[str, ...]


class Explanation(_Model):
    """What would happen, and why."""

    verdict: Verdict
    reason: str
    clause: str
    """Where the rule stands."""
    last_refusal: str | None
    """Why the last answer from the origin was not kept."""
    variants: tuple[Variant, ...]


_UNCACHED = Rule("x-intertie-cache", "the route is not cached")
_METHOD = Rule("RFC 9111 §4", "only GET and HEAD are answered from what is kept")
_CONDITION = Rule("RFC 9110 §13.1", "If-Match and If-Unmodified-Since are for the origin to judge")
_NOTHING = Rule("RFC 9111 §4", "nothing that this request selects is kept")
_OTHERS = Rule("partition", "what is kept was told to other identities")
_VARY = Rule("RFC 9111 §4.1", "no kept answer has the same fields that Vary names")
_FRESH = Rule("RFC 9111 §4.2", "it is fresh")
_BEHIND = Rule("RFC 5861 §3", "it is stale, and used while a newer one is fetched")


def explain(engine: Engine, question: Question) -> Explanation:
    """Without asking the origin, and without counting as a use."""
    request = _request(question)
    terms = engine.terms(request)
    if terms is None:
        return _told("not cached", _UNCACHED)
    if request.method not in {b"GET", b"HEAD"}:
        return _told("not cached", _METHOD)
    if not request.table.keys().isdisjoint({b"if-match", b"if-unmodified-since"}):
        return _told("not cached", _CONDITION)
    address, own = engine.keys(request, terms)
    kept = engine.store.find(address, own, request)
    every = engine.store.variants(address)
    refused = engine.keeper.refusal(address)
    verdict, rule = _verdict(engine, request, kept, every, own)
    return Explanation(
        verdict=verdict,
        reason=rule.text,
        clause=rule.clause,
        last_refusal=None if refused is None else str(refused[0]),
        variants=tuple(_variant(each, kept, engine.now()) for each in every),
    )


def _request(question: Question) -> Request:
    scheme, separator, rest = question.url.partition("://")
    headers = [(key.encode(), value.encode("latin-1")) for key, value in question.headers.items()]
    target = question.url
    if separator and scheme.isalpha():
        host, _, path = rest.partition("/")
        headers = [each for each in headers if each[0].lower() != b"host"]
        headers.append((b"host", host.encode()))
        target = f"/{path}"
    return Request(question.method.upper().encode(), target.encode(), headers)


def _verdict(
    engine: Engine, request: Request, kept: Kept | None, every: list[Kept], own: bytes
) -> tuple[Verdict, Rule]:
    if kept is None:
        if not every:
            return "miss", _NOTHING
        is_mine = any(each.partition in {own, PUBLIC} for each in every)
        return "miss", _VARY if is_mine else _OTHERS
    wished, now = policy.wish(request), engine.now()
    rule = policy.must_ask(kept.standing, wished, now)
    if rule is None:
        return "hit", _FRESH
    if policy.may_refresh_behind(kept.standing, wished, now):
        return "stale hit", _BEHIND
    return "revalidate", rule


def _told(verdict: Verdict, rule: Rule) -> Explanation:
    return Explanation(
        verdict=verdict, reason=rule.text, clause=rule.clause, last_refusal=None, variants=()
    )


def _variant(each: Kept, selected: Kept | None, now: float) -> Variant:
    standing = each.standing
    return Variant(
        status=each.status,
        age_s=int(standing.age(now)),
        ttl_s=int(standing.ttl(now)),
        lifetime_from=standing.source if standing.explicit else "default_ttl",
        partition=_partition(each),
        selected=each is selected,
        vary={name.decode(): _text(value) for name, value in each.chosen},
        size_bytes=each.size,
        hits=each.hits,
        tags=tuple(tag.decode("latin-1") for tag in each.tags),
    )


def _partition(kept: Kept) -> Literal["public", "anonymous", "one identity"]:
    if kept.partition == PUBLIC:
        return "public"
    return "anonymous" if kept.partition == caller.ANONYMOUS else "one identity"


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
