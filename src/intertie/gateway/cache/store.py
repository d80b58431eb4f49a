"""Kept answers, within a fixed number of bytes: what is used once goes before what is used twice.

Segmented LRU: a newcomer is on probation; its first use moves it to the protected part, which
takes four fifths. So a scan of addresses that nobody asks for again pushes out nothing in use.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from intertie.gateway.cache.fields import Headers
from intertie.gateway.cache.matching import Chosen, selects
from intertie.gateway.cache.message import Request, parse_block
from intertie.gateway.cache.policy import Standing

PUBLIC: Final = b"public"
"""The partition of what everybody of a tenant may have."""
MAX_VARIANTS: Final = 32
"""Of one address and partition; the oldest goes."""
_PROTECTED_PART: Final = 0.8
_OVERHEAD_BYTES: Final = 1600
"""What Python and the indexes take for one answer beside its bytes, as measured."""


class Address(NamedTuple):
    """What a request asks for. Tenants never share one."""

    tenant: bytes
    route: bytes
    host: bytes
    path: bytes
    """With its query, as the client sent it."""
    asked_as: tuple[bytes, ...] = ()
    """Fields that services make links of, such as X-Forwarded-Host: nobody may choose the links
    of the others."""

    @property
    def place(self) -> "Place":
        """What a change of the resource invalidates, whichever route it comes by."""
        return (self.tenant, self.host, self.path)


Place = tuple[bytes, bytes, bytes]


@dataclass(slots=True, eq=False)
class Kept:
    """One answer."""

    address: Address
    partition: bytes
    chosen: Chosen
    status: int
    head: bytes
    """Status line and fields, without Age and without the empty line."""
    body: bytes
    standing: Standing
    tags: tuple[bytes, ...] = ()
    hits: int = 0
    is_protected: bool = False
    refreshing: bool = False
    """The origin is being asked for a newer one."""

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return len(self.head) + len(self.body) + len(self.address.path) + _OVERHEAD_BYTES

    @property
    def headers(self) -> Headers:
        """Of the answer."""
        return parse_block(self.head.partition(b"\r\n")[2])


@dataclass(slots=True)
class Counters:
    """Since the start."""

    stored: int = 0
    evicted: int = 0
    purged: int = 0


@dataclass(slots=True)
class Store:
    """All that is kept."""

    max_bytes: int
    counters: Counters = field(default_factory=Counters)
    used_bytes: int = 0
    reserved_bytes: int = 0
    """By answers that are still coming in."""
    _by_address: dict[Address, dict[bytes, list[Kept]]] = field(default_factory=dict)
    _by_place: dict[Place, set[Address]] = field(default_factory=dict)
    _by_tag: dict[bytes, set[Kept]] = field(default_factory=dict)
    _probation: OrderedDict[Kept, None] = field(default_factory=OrderedDict)
    _protected: OrderedDict[Kept, None] = field(default_factory=OrderedDict)
    _protected_bytes: int = 0

    def __len__(self) -> int:
        return len(self._probation) + len(self._protected)

    def find(self, address: Address, partition: bytes, request: Request) -> Kept | None:
        """The newest that the request selects: what is public first, then its own."""
        partitions = self._by_address.get(address)
        if partitions is None:
            return None
        for name in (PUBLIC, partition):
            for kept in reversed(partitions.get(name, ())):
                if not kept.chosen or selects(kept.chosen, request):
                    return kept
        return None

    def variants(self, address: Address) -> list[Kept]:
        """All of one address, for `why`."""
        return [each for lines in self._by_address.get(address, {}).values() for each in lines]

    def addresses(self) -> Iterator[Address]:
        """Each that something is kept of."""
        return iter(tuple(self._by_address))

    def use(self, kept: Kept) -> None:
        """It was asked for: what is asked for twice is kept longer."""
        kept.hits += 1
        if kept.is_protected:
            self._protected.move_to_end(kept)
        elif kept in self._probation:
            del self._probation[kept]
            self._protect(kept)

    def _protect(self, kept: Kept) -> None:
        kept.is_protected = True
        self._protected[kept] = None
        self._protected_bytes += kept.size
        while self._protected_bytes > self.max_bytes * _PROTECTED_PART:
            oldest, _ = self._protected.popitem(last=False)
            oldest.is_protected = False
            self._protected_bytes -= oldest.size
            self._probation[oldest] = None

    def add(self, kept: Kept) -> bool:
        """Keep it in place of what the same request selects; False where there is no room."""
        if not self.make_room(kept.size):
            return False
        lines = self._by_address.setdefault(kept.address, {}).setdefault(kept.partition, [])
        for other in [each for each in lines if each.chosen == kept.chosen]:
            self.drop(other)
        if len(lines) >= MAX_VARIANTS:
            self.drop(lines[0])
        # Dropping the last one has taken the lists away too.
        self._by_address.setdefault(kept.address, {}).setdefault(kept.partition, []).append(kept)
        self._by_place.setdefault(kept.address.place, set()).add(kept.address)
        self._probation[kept] = None
        self.used_bytes += kept.size
        for tag in kept.tags:
            self._by_tag.setdefault(tag, set()).add(kept)
        self.counters.stored += 1
        return True

    def resize(self, max_bytes: int) -> None:
        """Hold no more than this from now on."""
        self.max_bytes = max_bytes
        self.make_room(0)

    def make_room(self, size: int) -> bool:
        """Let the least used go until so many bytes are free."""
        if size + self.reserved_bytes > self.max_bytes:
            return False
        while len(self) and self.used_bytes + self.reserved_bytes + size > self.max_bytes:
            queue = self._probation or self._protected
            self.drop(next(iter(queue)))
            self.counters.evicted += 1
        return True

    def reserve(self, size: int) -> bool:
        """Hold room for an answer that is coming in."""
        if not self.make_room(size):
            return False
        self.reserved_bytes += size
        return True

    def release(self, size: int) -> None:
        """It has come, or will not."""
        self.reserved_bytes -= size

    def drop(self, kept: Kept) -> None:
        """Forget it; nothing happens if that was done before."""
        if kept.is_protected:
            del self._protected[kept]
            self._protected_bytes -= kept.size
            kept.is_protected = False
        elif self._probation.pop(kept, False) is False:
            return
        self.used_bytes -= kept.size
        self._unlist(kept)

    def _unlist(self, kept: Kept) -> None:
        partitions = self._by_address[kept.address]
        lines = partitions[kept.partition]
        lines.remove(kept)
        if not lines:
            del partitions[kept.partition]
        if not partitions:
            del self._by_address[kept.address]
            same = self._by_place[kept.address.place]
            same.discard(kept.address)
            if not same:
                del self._by_place[kept.address.place]
        for tag in kept.tags:
            tagged = self._by_tag[tag]
            tagged.discard(kept)
            if not tagged:
                del self._by_tag[tag]

    def replace(self, kept: Kept, head: bytes, standing: Standing) -> None:
        """Its fields are newer now (RFC 9111 §3.2)."""
        grown = len(head) - len(kept.head)
        listed = kept.is_protected or kept in self._probation
        kept.head, kept.standing = head, standing
        if listed:
            self.used_bytes += grown
            self._protected_bytes += grown if kept.is_protected else 0

    def purge(self, matches: Callable[[Address], bool]) -> int:
        """Forget all of these addresses; how many answers that were."""
        found = [
            each
            for address in self.addresses()
            if matches(address)
            for each in self.variants(address)
        ]
        return self._purge(found)

    def purge_place(self, place: Place) -> int:
        """All variants, of all identities and routes, and of all ways it is asked for."""
        addresses = self._by_place.get(place, ())
        return self._purge([each for found in addresses for each in self.variants(found)])

    def purge_tag(self, tag: bytes, tenant: bytes | None = None) -> int:
        """What carries it in Cache-Tag or Surrogate-Key."""
        tagged = self._by_tag.get(tag, set())
        return self._purge([each for each in tagged if tenant in {None, each.address.tenant}])

    def purge_if(self, is_doomed: Callable[[Kept], bool]) -> int:
        """All of which this is so."""
        every = (*self._probation, *self._protected)
        return self._purge([each for each in every if is_doomed(each)])

    def _purge(self, found: list[Kept]) -> int:
        for each in found:
            self.drop(each)
        self.counters.purged += len(found)
        return len(found)
