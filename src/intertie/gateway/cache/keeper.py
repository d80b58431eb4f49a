"""Takes a fetch to the origin, and decides what becomes of the answer: kept, merged, or let go."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin, urlsplit

from intertie.gateway.cache import fields, matching, policy
from intertie.gateway.cache.fetch import Ask, Fetch
from intertie.gateway.cache.fields import Headers
from intertie.gateway.cache.message import (
    NO_BODY,
    SAFE,
    Answer,
    Request,
    block,
    end_to_end,
    status_line,
    without,
)
from intertie.gateway.cache.origin import Connection, Origin, OriginError
from intertie.gateway.cache.policy import Rule, Terms
from intertie.gateway.cache.reply import passed_on
from intertie.gateway.cache.settings import Settings
from intertie.gateway.cache.store import PUBLIC, Address, Kept, Place, Store

log = logging.getLogger(__name__)

_OURS: Final = frozenset({b"x-intertie-cache", b"expect"})
_CONDITIONS: Final = frozenset({b"if-none-match", b"if-modified-since", b"if-range"})
_NOT_OF_304: Final = frozenset(
    {b"content-length", b"content-encoding", b"content-range", b"content-md5", b"etag"}
)
"""What a 304 does not change in what is kept."""
_MAX_REFUSALS: Final = 10_000
_REFUSED_S: Final = 30.0
"""So long nobody waits to see whether the next answer may be shared."""
_MAX_FRESHENED_HEAD: Final = 128 * 1024


class Keeper:
    """Between the origin and the store."""

    def __init__(self, store: Store, origin: Origin, now: Callable[[], float]) -> None:
        self.store = store
        self.under_way: set[Fetch] = set()
        self._origin = origin
        self._now = now
        self._refusals: OrderedDict[Address, tuple[Rule, float]] = OrderedDict()

    def refusal(self, address: Address) -> tuple[Rule, float] | None:
        """Why the last answer was not kept, and when that was."""
        return self._refusals.get(address)

    def is_hopeless(self, address: Address) -> bool:
        """Whether the next answer will hardly be kept, so that nobody should wait for it."""
        found = self._refusals.get(address)
        return found is not None and self._now() - found[1] < _REFUSED_S

    def _refuse(self, fetch: Fetch, rule: Rule) -> None:
        fetch.refused = rule
        fetch.note += "" if fetch.ask.terms is None else "; stored=?0"
        if fetch.ask.terms is None or fetch.ask.request.method != b"GET":
            return
        self._refusals[fetch.ask.address] = (rule, self._now())
        self._refusals.move_to_end(fetch.ask.address)
        if len(self._refusals) > _MAX_REFUSALS:
            self._refusals.popitem(last=False)

    def doom(self, matches: Callable[[Address], bool]) -> None:
        """What is on its way there is old before it comes."""
        for fetch in self.under_way:
            if matches(fetch.ask.address):
                fetch.doomed = True

    async def run(self, fetch: Fetch, settings: Settings) -> None:
        """Until the answer is complete, or has failed, or nobody wants it."""
        self.under_way.add(fetch)
        try:
            with fetch.scope:
                await self._run(fetch, settings)
        except OriginError as exc:
            self._failed(fetch, exc)
        except (ConnectionError, TimeoutError) as exc:
            # The client went away in the middle of its request.
            fetch.finish(OriginError(f"cannot send the request to the origin: {exc}"))
        finally:
            self.under_way.discard(fetch)
            if not fetch.complete and fetch.error is None:
                fetch.finish(OriginError("nobody waits for this answer any more"))
            if fetch.ask.kept is not None:
                fetch.ask.kept.refreshing = False
            self._invalidate(fetch)

    def _failed(self, fetch: Fetch, exc: OriginError) -> None:
        if not fetch.is_known and self._stands_in(fetch):
            fetch.finish()
        else:
            fetch.finish(exc)

    def _stands_in(self, fetch: Fetch) -> bool:
        """A stale answer in place of the failing origin (RFC 5861 §4)."""
        kept = fetch.ask.kept
        if kept is None or not policy.may_stand_in(kept.standing, self._now()):
            return False
        fetch.kept = kept
        fetch.note += "; detail=STALE_IF_ERROR"
        return True

    async def _run(self, fetch: Fetch, settings: Settings) -> None:
        try:
            await self._once(fetch, settings, fresh=fetch.ask.request.method not in SAFE)
        except OriginError as exc:
            if not exc.untouched or fetch.ask.body is not None:
                raise
            await self._once(fetch, settings, fresh=True)

    async def _once(self, fetch: Fetch, settings: Settings, *, fresh: bool) -> None:
        connection = await self._origin.take(fetch, settings.timeout_s, fresh=fresh)
        try:
            asked = self._now()
            await self._send(fetch, connection, settings)
            answer = await connection.head(settings.timeout_s, lambda each: _early(fetch, each))
            self._decide(fetch, answer, connection, settings, asked)
            await self._take(fetch, connection, settings)
            self._keep(fetch, asked)
            fetch.finish()
        finally:
            if fetch.keeping:
                self.store.release(fetch.reserved)
                fetch.reserved = 0
            self._origin.give_back(fetch, connection)

    async def _send(self, fetch: Fetch, connection: Connection, settings: Settings) -> None:
        request = fetch.ask.request
        connection.begin(self._head(fetch), is_head_request=request.method == b"HEAD")
        if fetch.ask.body is None:
            return
        is_chunked = b"transfer-encoding" in request.table
        async for chunk in fetch.ask.body.chunks():
            connection.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if is_chunked else chunk)
            await connection.drain(settings.timeout_s)
            if connection.answer is not None:
                # Refused before it was read: what follows is for nobody.
                return
        if is_chunked:
            connection.write(b"0\r\n\r\n")

    def _head(self, fetch: Fetch) -> bytes:
        ask, request = fetch.ask, fetch.ask.request
        headers = without(end_to_end(request.headers), _OURS)
        if b"host" not in request.table:
            headers.insert(0, (b"host", self._origin.host))
        if ask.kept is not None:
            headers = without(headers, _CONDITIONS | {b"range"}) + _validators(ask.kept)
        elif ask.may_share:
            # The whole answer serves everybody; whoever has it already is told 304 from it.
            headers = without(headers, _CONDITIONS)
        if ask.terms is not None:
            headers.append((b"surrogate-capability", policy.CAPABILITY + b'="Surrogate/1.0"'))
        if b"transfer-encoding" in request.table:
            headers = [*without(headers, {b"content-length"}), (b"transfer-encoding", b"chunked")]
        line = b"%s %s HTTP/1.1\r\n" % (request.method, request.target)
        return line + block(headers) + b"\r\n"

    def _decide(
        self,
        fetch: Fetch,
        answer: Answer,
        connection: Connection,
        settings: Settings,
        asked: float,
    ) -> None:
        """Once the head is there: what is done with the content."""
        if answer.get(b"date") is None:  # RFC 9110 §6.6.1
            answer.headers.append((b"date", fields.http_date(answer.received)))
        if not self._about_kept(fetch, answer, asked):
            fetch.answer = answer
            self._refuse_or_keep(fetch, answer, connection, settings)
        fetch.know()
        fetch.abandon_if_alone()

    def _about_kept(self, fetch: Fetch, answer: Answer, asked: float) -> bool:
        """Whether the stored answer is what is used."""
        ask, kept = fetch.ask, fetch.ask.kept
        if kept is None or ask.terms is None:
            return False
        if answer.status == HTTPStatus.NOT_MODIFIED:
            self._freshen(kept, answer, ask.terms, fetch, asked=asked)
            fetch.kept = kept
            fetch.note += "; fwd-status=304"
        elif answer.status in policy.ERRORS and self._stands_in(fetch):
            fetch.note += f"; fwd-status={answer.status}"
        elif ask.request.method == b"HEAD":
            self._compare(kept, answer, ask.terms, fetch, asked=asked)
        fetch.is_local = fetch.kept is not None
        return fetch.is_local

    def _compare(
        self, kept: Kept, answer: Answer, terms: Terms, fetch: Fetch, *, asked: float
    ) -> None:
        """The answer to a HEAD tells whether what is kept is still so (RFC 9111 §4.3.5)."""
        if answer.status != HTTPStatus.OK:
            return
        for name in (b"etag", b"last-modified", b"content-length"):
            told = answer.get(name)
            if told is not None and told != fields.joined(kept.headers, name):
                self.store.drop(kept)
                return
        self._freshen(kept, answer, terms, fetch, asked=asked)

    def _freshen(
        self, kept: Kept, answer: Answer, terms: Terms, fetch: Fetch, *, asked: float
    ) -> None:
        """Newer fields replace those that are kept (RFC 9111 §3.2)."""
        newer = [each for each in end_to_end(answer.headers) if each[0].lower() not in _NOT_OF_304]
        replaced = {key.lower() for key, _ in newer} | {b"age"}
        headers = [*without(kept.headers, replaced), *newer]
        merged = Answer(kept.status, headers, received=answer.received)
        head = status_line(kept.status) + block(_storable(merged))
        if len(head) > _MAX_FRESHENED_HEAD:
            self.store.drop(kept)
            return
        refused = policy.refusal(fetch.ask.request, merged, terms)
        if refused is not None and fetch.ask.request.method == b"GET":
            self.store.drop(kept)
        if kept.partition == PUBLIC and not (terms.shared or policy.is_public(merged)):
            self.store.drop(kept)  # it was for everybody and is not any more
        standing = policy.standing(merged, terms, asked=asked, told=answer.received)
        kept.chosen = matching.chosen(merged, fetch.ask.request)
        self.store.replace(kept, head, standing)

    def _refuse_or_keep(
        self, fetch: Fetch, answer: Answer, connection: Connection, settings: Settings
    ) -> None:
        ask = fetch.ask
        fetch.keeping = False
        if ask.terms is None:
            self._refuse(fetch, _NOT_CACHED)
            return
        rule = policy.refusal(ask.request, answer, ask.terms) or _size_refuses(
            answer, connection, settings
        )
        if rule is None and not self.store.reserve(_announced(answer)):
            rule = _NO_ROOM
        if rule is not None:
            self._refuse(fetch, rule)
            return
        fetch.keeping = True
        fetch.reserved = _announced(answer)
        fetch.note += "; stored"
        self._refusals.pop(ask.address, None)
        if ask.terms.cache_control and not _says_anything(answer):
            answer.headers.append((b"cache-control", _for_clients(ask, ask.terms)))

    async def _take(self, fetch: Fetch, connection: Connection, settings: Settings) -> None:
        async for chunk in connection.body(settings.timeout_s):
            if fetch.is_local:
                continue  # content of a failing origin's answer, which nobody gets
            fetch.feed(chunk)
            if fetch.keeping:
                self._hold(fetch, settings)
            await fetch.room()

    def _hold(self, fetch: Fetch, settings: Settings) -> None:
        """Room for what has come; where there is none, it is only passed on."""
        more = fetch.size - fetch.reserved
        fits = fetch.size <= settings.max_object
        if fits and (more <= 0 or self.store.reserve(more)):
            fetch.reserved += max(0, more)
            return
        self.store.release(fetch.reserved)
        fetch.reserved = 0
        fetch.keeping = False
        self._refuse(fetch, _NO_ROOM if fits else _TOO_LARGE)
        fetch.drop_read()
        fetch.abandon_if_alone()

    def _keep(self, fetch: Fetch, asked: float) -> None:
        ask, answer = fetch.ask, fetch.answer
        if not fetch.keeping or fetch.doomed or answer is None or ask.terms is None:
            return
        body = fetch.content()
        is_public = ask.terms.shared or policy.is_public(answer)
        headers = _storable(answer)
        if answer.status not in NO_BODY:
            headers = [
                *without(headers, {b"content-length"}),
                (b"content-length", b"%d" % len(body)),
            ]
        self.store.release(fetch.reserved)
        fetch.reserved = 0
        self.store.add(
            Kept(
                ask.address,
                PUBLIC if is_public else ask.partition,
                matching.chosen(answer, ask.request),
                answer.status,
                status_line(answer.status, answer.reason) + block(headers),
                body,
                policy.standing(answer, ask.terms, asked=asked, told=answer.received),
                tags(answer),
            )
        )

    def _invalidate(self, fetch: Fetch) -> None:
        """What was kept of it is old now (RFC 9111 §4.4), even if the client has gone."""
        request, answer, address = fetch.ask.request, fetch.answer, fetch.ask.address
        if request.method in SAFE:
            return
        paths = {address.path}
        if answer is not None:
            if not HTTPStatus.OK <= answer.status < HTTPStatus.BAD_REQUEST:
                return
            for name in (b"location", b"content-location"):
                value = answer.get(name)
                if value is not None:
                    paths |= same_origin(request, address, value)
        for path in paths:
            self.purge_place((address.tenant, address.host, path))

    def purge_place(self, place: Place) -> int:
        """Forget it, what is on its way included."""
        self.doom(lambda each: each.place == place)
        return self.store.purge_place(place)


_NOT_CACHED = Rule("x-intertie-cache", "nothing of this route, or of such requests, is kept")
_NO_ROOM = Rule("max_size", "there is no room beside the answers that are coming in")
_TOO_LARGE = Rule("max_object", "it is larger than the largest that is kept")
_CUT_OFF = Rule(
    "RFC 9112 §8", "it ends with its connection, so nobody can tell whether it is complete"
)


def _early(fetch: Fetch, answer: Answer) -> None:
    for tell in fetch.early:
        tell(answer)


def _validators(kept: Kept) -> Headers:
    """That the origin tells whether it is still so (RFC 9111 §4.3.1)."""
    headers = kept.headers
    found: Headers = []
    tag = fields.joined(headers, b"etag")
    if tag is not None:
        found.append((b"if-none-match", tag))
    changed = fields.joined(headers, b"last-modified")
    if changed is not None:
        found.append((b"if-modified-since", changed))
    return found


def _announced(answer: Answer) -> int:
    length = answer.get(b"content-length") or b""
    return int(length) if length.isdigit() else 0


def _size_refuses(answer: Answer, connection: Connection, settings: Settings) -> Rule | None:
    if not connection.framed:
        return _CUT_OFF
    return _TOO_LARGE if _announced(answer) > settings.max_object else None


def _says_anything(answer: Answer) -> bool:
    return any(answer.get(name) is not None for name in (b"cache-control", b"expires", b"pragma"))


def _for_clients(ask: Ask, terms: Terms) -> bytes:
    """The route's own words; what is for one identity is for no cache on its way."""
    if terms.shared or not ask.is_personal:
        return terms.cache_control
    return terms.cache_control.replace(b"public", b"private")


def _storable(answer: Answer) -> Headers:
    """Its fields, without Age and those that `no-cache` and `private` name (RFC 9111 §3.1)."""
    found = policy.control(answer)
    named = {b"age"}
    for name in (b"no-cache", b"private"):
        named |= set(fields.names(found.found.get(name)))
    return without(passed_on(answer), named)


def tags(answer: Answer) -> tuple[bytes, ...]:
    """By which it can be purged: Cache-Tag (commas) and Surrogate-Key (spaces)."""
    found = [each.strip() for each in (answer.all(b"cache-tag") or b"").split(b",")]
    found += (answer.all(b"surrogate-key") or b"").replace(b",", b" ").split()
    return tuple(sorted({each for each in found if each}))


def same_origin(request: Request, address: Address, value: bytes) -> set[bytes]:
    """Paths, as clients see them, of a Location of the same host (RFC 9111 §4.4).

    Where the gateway rewrote the path, the service may speak of either.
    """
    found: set[bytes] = set()
    host = address.host.decode("latin-1")
    text = value.decode("latin-1")
    cut = _cut_off(address.path, request.target)
    for path in {address.path, request.target}:
        target = urlsplit(urljoin(f"http://{host}{path.decode('latin-1')}", text))
        if target.netloc.lower() == host:
            found_path = target.path + (f"?{target.query}" if target.query else "")
            found |= {found_path.encode("latin-1"), cut + found_path.encode("latin-1")}
    return found


def _cut_off(asked: bytes, forwarded: bytes) -> bytes:
    """What the gateway took from the beginning of the path."""
    return asked[: -len(forwarded)] if asked.endswith(forwarded) else b""
