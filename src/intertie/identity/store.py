"""Where identities lie: typed shelves over Records, names that are taken once, and the revision.

Whoever changes what decides about a request does so inside `Desk.change`: the revision then tells
other processes that what they hold in memory is old, and the audit trail who did it.
"""

import re
import secrets
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from anyio import CancelScope, move_on_after
from pydantic import TypeAdapter, ValidationError

from intertie.errors import ConflictError, IntertieError, NotFoundError, StoreError
from intertie.identity.audit import Actor, Audit, Detail
from intertie.identity.sealed import Sealer
from intertie.identity.tenants import Tenants
from intertie.store import Records

_PAGE = 500
_TRIES = 50
_DANGLING = timedelta(seconds=30)
_META = "identity_meta"
_PENDING = "identity_pending"
_CLEANUP_S = 5.0
_NAME = re.compile(r"[!-~]{1,254}")

T = TypeVar("T")


def utc_now() -> datetime:
    """The time, by the clock of this machine."""
    return datetime.now(UTC)


def new_id() -> str:
    """96 random bits, as text."""
    return secrets.token_hex(12)


def scoped(tenant: str, name: str) -> str:
    """A name within a tenant, as an id that no other tenant and name have."""
    return f"{tenant}/{name}"


def plain(text: str, *, limit: int = 200) -> str:
    """What somebody else called a thing, on one line, without what cannot be seen."""
    kept = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join(kept.split())[:limit]


def check_name(what: str, name: str) -> None:
    """Raise IntertieError unless it is ASCII without spaces: lookalikes are no second name."""
    if not _NAME.fullmatch(name):
        why = "expected 1 to 254 ASCII characters without spaces"
        raise IntertieError(f"cannot use {what} {name[:80]!r}: {why}")


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """A value as it was read, and the version it has in the store."""

    value: T
    version: int


class Shelf(Generic[T]):
    """One collection of frozen dataclasses of one type."""

    def __init__(self, records: Records, collection: str, kind: type[T]) -> None:
        self._records = records
        self._collection = collection
        self._adapter = TypeAdapter(kind)

    async def get(self, id: str) -> T:
        """Raises NotFoundError."""
        return (await self.read(id)).value

    async def read(self, id: str) -> Kept[T]:
        """With its version. Raises NotFoundError."""
        record = await self._records.get(self._collection, id)
        return Kept(self._load(record.id, record.document), record.version)

    async def find(self, id: str) -> T | None:
        """None when there is none."""
        try:
            return await self.get(id)
        except NotFoundError:
            return None

    async def add(self, id: str, value: T) -> None:
        """Raises ConflictError if it is there."""
        await self.put(id, value, expect=0)

    async def put(self, id: str, value: T, *, expect: int | None = None) -> None:
        """Write it; see Records."""
        document = self._adapter.dump_python(value, mode="json")
        await self._records.put(self._collection, id, document, expect=expect)

    async def edit(self, id: str, edit: Callable[[T], T]) -> T:
        """Write what `edit` makes of it; again, if somebody else wrote in between."""
        for _ in range(_TRIES):
            kept = await self.read(id)
            edited = edit(kept.value)
            try:
                await self.put(id, edited, expect=kept.version)
            except ConflictError:
                continue
            return edited
        raise ConflictError(f"cannot write {id!r}: others write it all the time; try again")

    async def delete(self, id: str) -> bool:
        """Whether there was one."""
        return await self._records.delete(self._collection, id)

    async def page(
        self, where: Mapping[str, object], *, limit: int, offset: int
    ) -> tuple[Sequence[T], int]:
        """Some of those whose top-level fields equal `where`, oldest first; how many in all."""
        page = await self._records.find(
            self._collection, where, newest_first=False, limit=limit, offset=offset
        )
        return [self._load(record.id, record.document) for record in page.items], page.total

    async def every(self, where: Mapping[str, object] | None = None) -> AsyncIterator[T]:
        """All of them. What is deleted meanwhile may hide another: see `Revision`."""
        offset = 0
        while True:
            values, total = await self.page(where or {}, limit=_PAGE, offset=offset)
            for value in values:
                yield value
            offset += len(values)
            if not values or offset >= total:
                return

    def _load(self, id: str, document: Mapping[str, object]) -> T:
        try:
            return self._adapter.validate_python(document, strict=False)
        except ValidationError:
            # None, because the text of the cause shows what is stored.
            raise StoreError(f"cannot read {self._collection} {id!r}: it is damaged") from None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a name that only one may have."""

    owner: str
    at: datetime


class Claims:
    """Names of one kind, each taken at most once, whoever asks at the same time."""

    def __init__(self, records: Records, collection: str, now: Callable[[], datetime]) -> None:
        self._shelf = Shelf(records, collection, Claim)
        self._now = now

    async def take(
        self, name: str, owner: str, *, exists: Callable[[str], Awaitable[bool]] | None = None
    ) -> None:
        """Raises ConflictError if another has it.

        A claim whose owner does not exist, long after, is what a writer that died has left.
        """
        claim = Claim(owner, self._now())
        try:
            await self._shelf.add(name, claim)
        except ConflictError:
            kept = await self._shelf.read(name)
            fresh = self._now() - kept.value.at < _DANGLING
            if exists is None or fresh or await exists(kept.value.owner):
                raise
            await self._shelf.put(name, claim, expect=kept.version)

    async def owner(self, name: str) -> str | None:
        """Who has it."""
        claim = await self._shelf.find(name)
        return claim.owner if claim else None

    async def free(self, name: str) -> None:
        """Let others have it."""
        await self._shelf.delete(name)


@dataclass(frozen=True, slots=True)
class Revision:
    """Grows with each change of what decides about requests.

    Not `settled`, a writer is at work, or died at it: what was read now is to be read again.
    """

    number: int
    settled: bool = True


@dataclass(frozen=True, slots=True)
class _Pending:
    at: datetime


async def read_revision(records: Records) -> Revision:
    """As it stands; cheap enough to ask a few times a second. Read it *before* what it is of."""
    pending = await records.find(_PENDING, limit=1)
    try:
        number = (await records.get(_META, "revision")).version
    except NotFoundError:
        number = 0
    return Revision(number, settled=not pending.items)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every part of the identity store works with."""

    records: Records
    sealer: Sealer
    audit: Audit
    tenants: Tenants
    now: Callable[[], datetime] = utc_now
    new_id: Callable[[], str] = new_id
    random: Callable[[int], bytes] = secrets.token_bytes

    @asynccontextmanager
    async def change(
        self, actor: Actor, action: str, target: str, detail: Detail | None = None
    ) -> AsyncIterator[None]:
        """Do one thing that decides about requests; who did it is written down, and why not."""
        shelf = Shelf(self.records, _PENDING, _Pending)
        mark = self.new_id()
        await shelf.add(mark, _Pending(self.now()))
        try:
            async with self.told(actor, action, target, detail):
                yield
        finally:
            # After the change, so that who sees the new number sees the change as well.
            with move_on_after(_CLEANUP_S, shield=True):
                await self.records.put(_META, "revision", {})
                await shelf.delete(mark)

    @asynccontextmanager
    async def told(
        self, actor: Actor, action: str, target: str, detail: Detail | None = None
    ) -> AsyncIterator[None]:
        """Do one thing and write down who did it, or why it was refused."""
        try:
            yield
        except IntertieError as exc:
            why = {**(detail or {}), "why": str(exc)}
            await self.audit.append(actor, action, target=target, outcome="refused", detail=why)
            raise
        with CancelScope(shield=True):
            await self.audit.append(actor, action, target=target, detail=detail)

    async def settle(self) -> None:
        """Once at start: end what writers that died have left, so that readers come to rest."""
        shelf = Shelf(self.records, _PENDING, _Pending)
        page = await self.records.find(_PENDING, limit=_PAGE)
        for record in page.items:
            if self.now() - (await shelf.get(record.id)).at > _DANGLING:
                await self.records.put(_META, "revision", {})
                await shelf.delete(record.id)
