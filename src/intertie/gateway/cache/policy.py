"""RFC 9111 for a shared cache: may an answer be kept, for how long, and may it be used again.

Pure. Each refusal is a `Rule` that names its clause, for `why` to tell.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from intertie.gateway.cache import fields
from intertie.gateway.cache.message import Answer, Request

HEURISTIC: Final = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
"""Statuses that may be kept though nobody said for how long (RFC 9110 §15.1); 206 never is."""
ERRORS: Final = frozenset({500, 502, 503, 504})
"""What `stale-if-error` stands in for (RFC 5861 §4)."""
CAPABILITY: Final = b"intertie"
"""Our name in Surrogate-Control and Cache-Status."""
_UNDERSTOOD: Final = frozenset(status.value for status in HTTPStatus)
_HEURISTIC_PART: Final = 0.1
_HEURISTIC_MAX_S: Final = 86400.0
_FINAL: Final = 200
_CLIENT_ERROR: Final = 400
_MEMBER = re.compile(
    rb'\s*([a-z*][a-z0-9_.*-]*)(?:=(-?[0-9]{1,15}|[A-Za-z*][^\s,;"]*|"[^"]*"|\?[01]))?'
    rb"(?:\s*;[^,]*)?\s*"
)

Directives = Mapping[bytes, bytes | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something is so."""

    clause: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.clause})"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the suite file says of one route."""

    default_ttl: float | None = None
    """Where the origin says nothing of freshness; None is a tenth of the time since
    Last-Modified, which is what RFC 9111 suggests."""
    negative_ttl: float = 10.0
    """In its place for refusals and errors."""
    cache_control: bytes = b""
    """Told to clients where the origin says nothing."""
    shared: bool = False
    """One copy for all identities of a tenant."""
    store_cookies: bool = False
    """Keep answers that set cookies."""
    stale_if_error: float = 0.0
    """Seconds that a stale answer may stand in for a failing origin, which may say otherwise."""


@dataclass(frozen=True, slots=True)
class Control:
    """The directives that hold, and the field they stand in."""

    source: str
    found: Directives

    def __contains__(self, name: bytes) -> bool:
        return name in self.found

    def seconds(self, name: bytes) -> int | None:
        """Of one directive."""
        return fields.seconds(self.found, name)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a kept answer beside its bytes."""

    born: float
    """When it had no age: seconds of the cache's clock."""
    lifetime: float
    no_cache: bool
    must_revalidate: bool
    stale_while_revalidate: float
    stale_if_error: float
    explicit: bool
    """Somebody said how long; otherwise it is a guess."""
    source: str

    def age(self, now: float) -> float:
        """Seconds since the origin made or confirmed it."""
        return max(0.0, now - self.born)

    def ttl(self, now: float) -> float:
        """Seconds it stays fresh; negative once it is stale."""
        return self.lifetime - self.age(now)


_NO_METHOD = Rule("RFC 9111 §3", "only answers to GET are kept")
_BODY = Rule("RFC 9110 §9.3.1", "the request had a body, which may have chosen the answer")
_NOT_FINAL = Rule("RFC 9111 §3", "only final answers are kept")
_PARTIAL = Rule("RFC 9111 §3.3", "parts are not kept")
_NOT_MODIFIED = Rule("RFC 9111 §4.3.3", "a 304 has no content of its own to keep")
_UNKNOWN = Rule("RFC 9111 §5.2.2.3", "`must-understand`, and this status is not known here")
_ASKED = Rule("RFC 9111 §5.2.1.5", "the request said `no-store`")
_NO_STORE = Rule("RFC 9111 §5.2.2.5", "the answer said `no-store`")
_PRIVATE = Rule("RFC 9111 §5.2.2.7", "the answer said `private`, and this cache is shared")
_AUTHORIZED = Rule(
    "RFC 9111 §3.5",
    "the request had Authorization, and the answer said neither `public`, `s-maxage` nor"
    " `must-revalidate`",
)
_STAR = Rule("RFC 9111 §4.1", "the answer said `Vary: *`, which nothing matches")
_COOKIE = Rule("RFC 9111 §7.3", "the answer sets a cookie; `store_cookies` would keep it")
_NO_BASIS = Rule("RFC 9111 §3", "nobody said how long it is fresh, and its status is not a lasting")
_USELESS = Rule("RFC 9111 §4.2", "it is never fresh and has nothing to be validated by")


def control(answer: Answer) -> Control:
    """The most targeted field that makes sense (RFC 9213 §2.2)."""
    targeted = _dictionary(answer.all(b"cdn-cache-control"))
    if targeted:
        return Control("CDN-Cache-Control", targeted)
    surrogate = _surrogate(answer.all(b"surrogate-control"))
    if surrogate:
        return Control("Surrogate-Control", surrogate)
    return Control("Cache-Control", fields.directives(answer.all(b"cache-control")))


def _dictionary(value: bytes | None) -> dict[bytes, bytes | None]:
    """A structured field; one that cannot be parsed is ignored as a whole (RFC 9213 §2.1)."""
    found: dict[bytes, bytes | None] = {}
    for member in (value or b"").split(b","):
        match = _MEMBER.fullmatch(member)
        if match is None:
            return {}
        if match[2] != b"?0":
            # Of max-age only a whole number is one: a string of digits is not.
            found[match[1]] = match[2]
    return found


def _surrogate(value: bytes | None) -> dict[bytes, bytes | None]:
    """What is meant for everybody, or for us."""
    found: dict[bytes, bytes | None] = {}
    for member in (value or b"").split(b","):
        text, _, target = member.strip().partition(b";")
        if not target or target.strip() == CAPABILITY:
            found |= fields.directives(text)
    return found


def refusal(request: Request, answer: Answer, terms: Terms) -> Rule | None:
    """Why the answer must not be kept; None where it may be."""
    if request.method != b"GET":
        return _NO_METHOD
    if request.has_body:
        return _BODY
    found = control(answer)
    return (
        _status_refuses(answer.status, found)
        or _somebody_refuses(request, answer, found, terms)
        or _nothing_gained(answer, found, terms)
    )


def _status_refuses(status: int, found: Control) -> Rule | None:
    if status < _FINAL:
        return _NOT_FINAL
    if status == HTTPStatus.PARTIAL_CONTENT:
        return _PARTIAL
    if status == HTTPStatus.NOT_MODIFIED:
        return _NOT_MODIFIED
    if b"must-understand" in found and status not in _UNDERSTOOD:
        return _UNKNOWN
    return None


def _somebody_refuses(
    request: Request, answer: Answer, found: Control, terms: Terms
) -> Rule | None:
    if b"no-store" in fields.directives(request.get(b"cache-control")):
        return _ASKED
    # Whoever understands the status need not obey the `no-store` meant for the others.
    if b"no-store" in found and b"must-understand" not in found:
        return _NO_STORE
    if b"private" in found and found.found[b"private"] is None:
        return _PRIVATE
    if request.get(b"authorization") is not None and not _may_share_authorized(found):
        return _AUTHORIZED
    return _fields_refuse(answer, terms)


def _fields_refuse(answer: Answer, terms: Terms) -> Rule | None:
    if b"*" in fields.names(answer.all(b"vary")):
        return _STAR
    sets_cookie = answer.get(b"set-cookie") is not None
    return _COOKIE if sets_cookie and not terms.store_cookies else None


def _may_share_authorized(found: Control) -> bool:
    return any(name in found for name in (b"public", b"s-maxage", b"must-revalidate"))


def _nothing_gained(answer: Answer, found: Control, terms: Terms) -> Rule | None:
    lifetime, explicit = freshness(answer, found, terms)
    if not explicit and answer.status not in HEURISTIC and b"public" not in found:
        return _NO_BASIS
    has_validator = answer.get(b"etag") is not None or answer.get(b"last-modified") is not None
    may_be_stale = any(
        found.seconds(name) for name in (b"stale-while-revalidate", b"stale-if-error")
    )
    is_ever_fresh = lifetime > 0 and not _is_no_cache(found)
    return None if is_ever_fresh or has_validator or may_be_stale else _USELESS


def _is_no_cache(found: Control) -> bool:
    """With field names it is about these only."""
    return b"no-cache" in found and found.found[b"no-cache"] is None


def is_public(answer: Answer) -> bool:
    """Whether the origin said that everybody may have the same."""
    found = control(answer)
    return b"public" in found or b"s-maxage" in found


def freshness(answer: Answer, found: Control, terms: Terms) -> tuple[float, bool]:
    """Seconds it stays fresh from its birth, and whether somebody said so (RFC 9111 §4.2.1)."""
    for name in (b"s-maxage", b"max-age"):
        told = found.seconds(name)
        if told is not None:
            return float(told), True
    if found.source == "Cache-Control" and answer.get(b"expires") is not None:
        return _until_expires(answer), True
    return _guess(answer, found, terms), False


def _until_expires(answer: Answer) -> float:
    expires = fields.date(answer.all(b"expires"))
    if expires is None:
        return 0.0  # "especially the value 0" (RFC 9111 §5.3)
    sent = fields.date(answer.get(b"date"))
    return max(0.0, expires - (answer.received if sent is None else sent))


def _guess(answer: Answer, found: Control, terms: Terms) -> float:
    if answer.status not in HEURISTIC and b"public" not in found:
        return 0.0
    if terms.default_ttl is not None:
        is_refusal = answer.status >= _CLIENT_ERROR
        return min(terms.negative_ttl, terms.default_ttl) if is_refusal else terms.default_ttl
    changed = fields.date(answer.get(b"last-modified"))
    sent = fields.date(answer.get(b"date"))
    if changed is None or sent is None:
        return 0.0
    return min(max(0.0, sent - changed) * _HEURISTIC_PART, _HEURISTIC_MAX_S)


def standing(answer: Answer, terms: Terms, *, asked: float, told: float) -> Standing:
    """What is known of an answer that was asked for and told at these times (RFC 9111 §4.2.3)."""
    found = control(answer)
    lifetime, explicit = freshness(answer, found, terms)
    must = any(name in found for name in (b"must-revalidate", b"proxy-revalidate", b"s-maxage"))
    stale_if_error = found.seconds(b"stale-if-error")
    return Standing(
        born=told - _initial_age(answer, asked, told),
        lifetime=lifetime,
        no_cache=_is_no_cache(found),
        must_revalidate=must,
        stale_while_revalidate=float(found.seconds(b"stale-while-revalidate") or 0),
        stale_if_error=terms.stale_if_error if stale_if_error is None else float(stale_if_error),
        explicit=explicit,
        source=found.source,
    )


def _initial_age(answer: Answer, asked: float, told: float) -> float:
    sent = fields.date(answer.get(b"date"))
    # Dates have whole seconds: without this every answer would be up to a second old at once.
    apparent = max(0.0, int(told) - sent) if sent is not None else 0.0
    claimed = fields.age(fields.values(answer.headers, b"age"))
    if claimed is None:
        return float(fields.MAX_SECONDS) * 2
    return max(apparent, claimed + (told - asked))


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request says of the answer it takes (RFC 9111 §5.2.1)."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: int | None = None
    min_fresh: int = 0
    max_stale: float = 0.0


NO_WISH: Final = Wish()


def wish(request: Request) -> Wish:
    """Mostly none."""
    told = request.get(b"cache-control")
    if told is None:
        pragma = request.get(b"pragma")
        asks = pragma is not None and b"no-cache" in fields.directives(pragma)
        return Wish(no_cache=True) if asks else NO_WISH
    found = fields.directives(told)
    max_stale = 0.0
    if b"max-stale" in found:
        any_time = found[b"max-stale"] is None
        max_stale = fields.MAX_SECONDS if any_time else fields.seconds(found, b"max-stale") or 0
    return Wish(
        no_cache=b"no-cache" in found,
        no_store=b"no-store" in found,
        only_if_cached=b"only-if-cached" in found,
        max_age=fields.seconds(found, b"max-age"),
        min_fresh=fields.seconds(found, b"min-fresh") or 0,
        max_stale=max_stale,
    )


_WISH = Rule("RFC 9111 §5.2.1.4", "the request said `no-cache` or `no-store`")
_TOO_OLD = Rule("RFC 9111 §5.2.1.1", "it is older than the request's `max-age`")
_NOT_FRESH_ENOUGH = Rule("RFC 9111 §5.2.1.3", "it is not fresh for the request's `min-fresh`")
_NO_CACHE = Rule("RFC 9111 §5.2.2.4", "the answer said `no-cache`: validated at each use")
_STALE = Rule("RFC 9111 §4.2", "it is stale")


def must_ask(kept: Standing, wished: Wish, now: float) -> Rule | None:
    """Why the origin has to be asked before the kept answer is used; None where it need not be."""
    if wished.no_cache or wished.no_store:
        return _WISH
    if kept.no_cache:
        return _NO_CACHE
    age, ttl = kept.age(now), kept.ttl(now)
    if wished.max_age is not None and age > wished.max_age:
        return _TOO_OLD
    if ttl <= 0:
        may = wished.max_stale >= -ttl and wished.max_stale > 0 and not kept.must_revalidate
        return None if may else _STALE
    return _NOT_FRESH_ENOUGH if ttl < wished.min_fresh else None


def is_useless(kept: Standing, now: float) -> bool:
    """Whether it is too stale to be given to anybody without asking (RFC 5861 §3 and §4)."""
    return -kept.ttl(now) > max(kept.stale_while_revalidate, kept.stale_if_error)


def may_refresh_behind(kept: Standing, wished: Wish, now: float) -> bool:
    """Whether a stale answer may be used while the origin is asked (RFC 5861 §3)."""
    ttl = kept.ttl(now)
    asks_more = wished.no_cache or wished.no_store or wished.max_age is not None
    if asks_more or wished.min_fresh or kept.no_cache or ttl > 0:
        return False
    return -ttl <= kept.stale_while_revalidate


def may_stand_in(kept: Standing, now: float) -> bool:
    """Whether a stale answer may be used because the origin fails (RFC 5861 §4)."""
    if kept.no_cache or kept.must_revalidate:
        return False
    return -kept.ttl(now) <= kept.stale_if_error
