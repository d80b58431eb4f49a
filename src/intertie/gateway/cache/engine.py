"""Each request: answered from the store, joined to a fetch under way, or taken to the origin."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Final

from anyio.abc import TaskGroup

from intertie.gateway.cache import caller, matching, policy
from intertie.gateway.cache.fetch import Ask, Body, Fetch, Reader
from intertie.gateway.cache.keeper import Keeper
from intertie.gateway.cache.message import Request
from intertie.gateway.cache.origin import Origin, OriginError
from intertie.gateway.cache.policy import Terms, Wish
from intertie.gateway.cache.reply import (
    Client,
    Framing,
    Reply,
    local,
    not_modified,
    of_kept,
    of_origin,
    pieces,
)
from intertie.gateway.cache.settings import Settings
from intertie.gateway.cache.store import Address, Kept, Store

log = logging.getLogger(__name__)

_NEEDS_ORIGIN: Final = frozenset({b"if-match", b"if-unmodified-since"})
_PARTIAL: Final = frozenset({b"range", b"if-range"})
_BIG: Final = 128 * 1024
"""Larger answers are sent in pieces, no faster than the client takes them."""
_PIECE: Final = 64 * 1024
_MAX_JOINS: Final = 2
"""Of others' fetches that turn out to be for somebody else, before going alone."""


@dataclass(slots=True)
class Counters:
    """Requests since the start, by how they were answered."""

    hits: int = 0
    misses: int = 0
    stale: int = 0
    """Of the hits: while a newer answer was fetched."""
    revalidated: int = 0
    """Of the misses: what was kept was used after all."""
    collapsed: int = 0
    """Of the misses: answered by a fetch that somebody else had begun."""
    passed: int = 0
    """Never for the cache."""
    errors: int = 0
    bytes_from_store: int = 0


class Engine:
    """All that happens to a request once its head is there."""

    def __init__(
        self,
        settings: Settings,
        origin: Origin,
        group: TaskGroup,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.store = Store(settings.max_size)
        self.keeper = Keeper(self.store, origin, now)
        self.counters = Counters()
        self.now = now
        self._group = group
        self._shared: dict[tuple[Address, bytes], Fetch] = {}

    def change(self, settings: Settings) -> None:
        """From the next request on."""
        self.settings = settings
        self.store.resize(settings.max_size)

    def terms(self, request: Request) -> Terms | None:
        """Of its route; None where nothing is kept."""
        trusted = self.settings.behind_gateway
        return self.settings.terms.get(caller.route(request, trusted=trusted))

    def keys(self, request: Request, terms: Terms) -> tuple[Address, bytes]:
        """Where its answer is kept."""
        trusted = self.settings.behind_gateway
        return (
            caller.address(request, trusted=trusted),
            caller.partition(request, terms, trusted=trusted),
        )

    def quick(self, request: Request) -> Reply | None:
        """The whole answer, where it is at hand; None where `answer` has to be asked."""
        terms = self.terms(request) if request.method == b"GET" else None
        if terms is None or not _may_look(request):
            return None
        kept = self.store.find(*self.keys(request, terms), request)
        if kept is None or len(kept.body) > _BIG:
            return None
        now = self.now()
        if policy.must_ask(kept.standing, policy.wish(request), now) is not None:
            return None
        self._count_hit(kept)
        return of_kept(request, kept, b"hit", now)

    def _count_hit(self, kept: Kept) -> None:
        self.store.use(kept)
        self.counters.hits += 1
        self.counters.bytes_from_store += len(kept.body)

    async def answer(self, request: Request, client: Client, body: Body | None) -> None:
        """Answer it, whatever it takes."""
        try:
            terms = self.terms(request)
            is_read = request.method in {b"GET", b"HEAD"} and body is None
            if terms is not None and is_read and _may_look(request):
                await self._read(request, client, terms)
            else:
                await self._pass(request, client, body)
        except OriginError as exc:
            self._failed(client, exc)

    def _failed(self, client: Client, exc: OriginError) -> None:
        self.counters.errors += 1
        log.warning("no answer from the origin", extra={"why": str(exc)})
        if client.started:
            client.abort()
            return
        is_late = isinstance(exc.__cause__, TimeoutError)
        status = HTTPStatus.GATEWAY_TIMEOUT if is_late else HTTPStatus.BAD_GATEWAY
        reply = local(status, b"fwd=miss; detail=ORIGIN_FAILED", self.now())
        client.send(reply.head, reply.body)

    async def _read(self, request: Request, client: Client, terms: Terms) -> None:
        wished = policy.wish(request)
        address, own = self.keys(request, terms)
        for tries in range(_MAX_JOINS + 1):
            kept = self.store.find(address, own, request)
            if kept is not None and await self._from_store(request, client, kept, wished):
                return
            if wished.only_if_cached:
                reply = local(HTTPStatus.GATEWAY_TIMEOUT, b"fwd=request", self.now())
                client.send(reply.head, reply.body)
                return
            ask = self._ask(request, terms, kept, wished, alone=tries == _MAX_JOINS)
            if await self._from_origin(ask, client):
                return

    def _ask(
        self, request: Request, terms: Terms, kept: Kept | None, wished: Wish, *, alone: bool
    ) -> Ask:
        address, own = self.keys(request, terms)
        is_hopeless = kept is None and self.keeper.is_hopeless(address)
        is_plain = request.method == b"GET" and request.table.keys().isdisjoint(_PARTIAL)
        is_patient = not (alone or is_hopeless or wished.no_cache or wished.no_store)
        return Ask(
            request,
            address,
            own,
            terms,
            kept=kept,
            why=self._why(address, kept),
            is_personal=own != caller.ANONYMOUS,
            may_share=is_plain and is_patient,
        )

    def _why(self, address: Address, kept: Kept | None) -> str:
        """As Cache-Status puts it (RFC 9211 §2.2)."""
        if kept is not None:
            return "stale" if kept.standing.ttl(self.now()) <= 0 else "request"
        return "vary-miss" if self.store.variants(address) else "uri-miss"

    async def _from_store(self, request: Request, client: Client, kept: Kept, wished: Wish) -> bool:
        """False where the origin has to be asked first."""
        now = self.now()
        note = b"hit"
        if policy.must_ask(kept.standing, wished, now) is not None:
            if not policy.may_refresh_behind(kept.standing, wished, now):
                return False
            self._refresh_behind(request, kept)
            self.counters.stale += 1
            note = b"hit; detail=STALE_WHILE_REVALIDATE"
        self._count_hit(kept)
        await self._send(request, client, kept, note)
        return True

    async def _send(self, request: Request, client: Client, kept: Kept, note: bytes) -> None:
        reply = of_kept(request, kept, note, self.now())
        if len(reply.body) <= _BIG:
            client.send(reply.head, reply.body)
            return
        client.start(reply.head, Framing.LENGTH)
        for piece in pieces(reply.body, _PIECE):
            client.write(piece)
            await client.drain(self.settings.timeout_s)
        client.finish()

    def _refresh_behind(self, request: Request, kept: Kept) -> None:
        terms = self.terms(request)
        if kept.refreshing or terms is None:
            return
        kept.refreshing = True
        asked = Request(b"GET", request.target, request.headers)
        _, own = self.keys(asked, terms)
        fetch = Fetch(Ask(asked, kept.address, own, terms, kept=kept, why="stale"))
        self._group.start_soon(self.keeper.run, fetch, self.settings)

    async def _from_origin(self, ask: Ask, client: Client) -> bool:
        """False where the fetch joined turned out to be for somebody else."""
        place = (ask.address, ask.partition)
        fetch = self._shared.get(place) if ask.may_share else None
        joined = fetch is not None and (fetch.keeping or not fetch.is_known)
        if fetch is None or not joined:
            fetch = Fetch(ask)
            fetch.early.append(client.early)
            if ask.may_share:
                self._shared[place] = fetch
            self._group.start_soon(self._run, place, fetch)
        reader = fetch.join()
        try:
            await fetch.known()
            if joined and not _is_for(fetch, ask.request):
                return False
            self.counters.misses += 1
            self.counters.collapsed += joined
            note = f"fwd={ask.why}{fetch.note}" + ("; collapsed" if joined else "")
            await self._relay(fetch, reader, client, ask.request, note.encode())
        finally:
            fetch.leave(reader)
        return True

    async def _run(self, place: tuple[Address, bytes], fetch: Fetch) -> None:
        try:
            await self.keeper.run(fetch, self.settings)
        finally:
            if self._shared.get(place) is fetch:
                del self._shared[place]

    async def _pass(self, request: Request, client: Client, body: Body | None) -> None:
        """To the origin and back, as it is."""
        self.counters.passed += 1
        why = "bypass" if request.method in {b"GET", b"HEAD"} else "method"
        address = caller.address(request, trusted=self.settings.behind_gateway)
        fetch = Fetch(Ask(request, address, b"", None, body=body, why=why))
        fetch.early.append(client.early)
        self._group.start_soon(self.keeper.run, fetch, self.settings)
        reader = fetch.join()
        try:
            await fetch.known()
            await self._relay(fetch, reader, client, request, f"fwd={why}{fetch.note}".encode())
        finally:
            fetch.leave(reader)

    async def _relay(
        self, fetch: Fetch, reader: Reader, client: Client, request: Request, note: bytes
    ) -> None:
        if fetch.kept is not None:
            self.counters.revalidated += 1
            await self._send(request, client, fetch.kept, note)
            return
        answer = fetch.must_have()
        if fetch.refused is None and matching.is_not_modified(request, answer.headers):
            reply = not_modified(answer, note)
            client.send(reply.head, reply.body)
            return
        head, framing = of_origin(request, answer, note)
        client.start(head, framing)
        if framing is not Framing.NONE:
            async for chunk in fetch.chunks(reader):
                client.write(chunk)
                await client.drain(self.settings.timeout_s)
        client.finish()

    def purge(self, matches: Callable[[Address], bool]) -> int:
        """Forget these, what is on its way included; how many answers that were."""
        self.keeper.doom(matches)
        return self.store.purge(matches)

    def purge_tag(self, tag: bytes, tenant: bytes | None) -> int:
        """What carries it. What is on its way may carry it too, so it is not kept."""
        self.keeper.doom(lambda _: True)
        return self.store.purge_tag(tag, tenant)

    def purge_expired(self) -> int:
        """What is too stale to stand in for a newer one, also while the origin fails."""
        now = self.now()
        return self.store.purge_if(lambda kept: policy.is_useless(kept.standing, now))

    def stats(self) -> dict[str, int]:
        """All counters, and how full it is."""
        return {
            **asdict(self.counters),
            **asdict(self.store.counters),
            "answers": len(self.store),
            "bytes": self.store.used_bytes,
            "bytes_coming_in": self.store.reserved_bytes,
            "max_bytes": self.store.max_bytes,
            "under_way": len(self.keeper.under_way),
        }


def _may_look(request: Request) -> bool:
    """Whether what is kept may answer it at all."""
    return request.table.keys().isdisjoint(_NEEDS_ORIGIN)


def _is_for(fetch: Fetch, request: Request) -> bool:
    """Whether what came for another request is the answer to this one."""
    if fetch.kept is not None:
        return matching.selects(fetch.kept.chosen, request)
    if fetch.answer is None:
        return True  # an error is the same for all
    if fetch.refused is not None or fetch.doomed:
        return False
    return matching.selects(matching.chosen(fetch.answer, fetch.ask.request), request)
