"""What is no longer good though it is signed: tokens, sessions, grants, and users since a time.

Any number of processes share it. Each knows all of it in memory; to see what others revoked costs
one read of a counter.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from anyio import sleep

from intertie.errors import NotFoundError
from intertie.identity.principal import Principal
from intertie.identity.tokens.plain import subject_text
from intertie.store import Record, Records

COLLECTION = "revocations"
_COUNTER = ("revocations.revision", "now")
_PAGE = 200
_KEEP_S = 30 * 86400.0
_EVER = 2**53
_SWEEP_S = 3600.0

Claims = Mapping[str, Any]  # Any: what a token says
Kind = Literal["jti", "sid", "grant", "subject"]


@dataclass(frozen=True, slots=True, order=True)
class Revoked:
    """What is no longer good, for those who look at claims themselves."""

    kind: Kind
    value: str
    """Of the claim; of a subject its `principal`."""
    tenant: str = ""
    """Of a subject, as tokens have it."""
    before_s: int = 0
    """Of a subject: what was issued in this second since 1970 or before."""


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    kind: Kind
    value: str
    at: int
    """What was issued in this second or before is revoked. Only users come again."""
    until: float
    """Nothing of it can be about any longer."""


class Revocations:
    """`clock` gives seconds since 1970; `keep_s` is the longest life of sessions and grants."""

    def __init__(
        self, records: Records, clock: Callable[[], float], *, keep_s: float = _KEEP_S
    ) -> None:
        self._records = records
        self._clock = clock
        self._keep_s = keep_s
        self._entries: dict[str, _Entry] = {}
        self._learned: set[str] = set()
        """Read from the store. Whatever is older than one of these was read too."""
        self._sweep_at = 0.0
        self._latest: dict[tuple[Kind, str], int] = {}
        self.revision = 0
        """Grows with every revocation of any process, as far as `refresh` has seen it."""

    def is_revoked(self, claims: Claims) -> bool:
        """Whether a token with these claims is no longer good, as far as this process knows.

        `iat` is when it was issued or, of a grant, when its user logged in.
        """
        issued = claims.get("iat", 0)
        named: tuple[tuple[Kind, object], ...] = (
            ("subject", f"{claims.get('tenant', '')},{claims.get('principal', '')}"),
            ("jti", claims.get("jti")),
            ("sid", claims.get("sid")),
            ("grant", claims.get("grant")),
        )
        return any(
            isinstance(value, str) and issued <= self._latest.get((kind, value), -1)
            for kind, value in named
        )

    def entries(self) -> tuple[Revoked, ...]:
        """All that is still of use, each once, sorted: the same state always gives the same."""
        now = self._clock()
        known: set[tuple[Kind, str]] = {
            (each.kind, each.value) for each in self._entries.values() if each.until > now
        }
        return tuple(sorted(_told(kind, value, self._latest[kind, value]) for kind, value in known))

    async def revoke_token(self, jti: str, *, expires_at: float) -> None:
        """One access token."""
        await self._revoke("jti", jti, _EVER, until=expires_at + _SWEEP_S)

    async def revoke_session(self, sid: str) -> None:
        """All tokens that any client got, or still gets, by one login session."""
        await self._revoke("sid", sid, _EVER, until=self._clock() + self._keep_s)

    async def revoke_grant(self, grant: str) -> None:
        """All tokens that one client got by one login."""
        await self._revoke("grant", grant, _EVER, until=self._clock() + self._keep_s)

    async def revoke_subject(self, principal: Principal) -> None:
        """All tokens of somebody so far; those of a login after this second are good."""
        value = subject_text(principal.tenant, principal.client)
        # Never forgotten: nobody knows how long a token an operator may have made for them.
        await self._revoke("subject", value, int(self._clock()), until=_EVER)

    async def refresh(self) -> bool:
        """Learn what other processes revoked; whether there was anything."""
        revision = await self._stored_revision()
        if revision == self.revision:
            return False
        await self._learn()
        self.revision = revision
        return True

    async def follow(self, every_s: float = 1.0) -> None:
        """Refresh, and now and then forget, for as long as it runs."""
        while True:
            await self.refresh()
            if self._clock() >= self._sweep_at:
                self._sweep_at = self._clock() + _SWEEP_S
                await self.forget()
            await sleep(every_s)

    async def forget(self) -> int:
        """Delete what has outlived all it was about, or was said again since; how many."""
        now, latest = self._clock(), self._latest
        gone = [
            each
            for each in self._entries.values()
            if each.until <= now or each.at < latest[each.kind, each.value]
        ]
        for each in gone:
            await self._records.delete(COLLECTION, each.id)
            del self._entries[each.id]
            self._learned.discard(each.id)
        self._index()
        return len(gone)

    async def _revoke(self, kind: Kind, value: str, at: int, *, until: float) -> None:
        if self._latest.get((kind, value), -1) >= at:  # said already
            return
        entry = _Entry(secrets.token_urlsafe(16), kind, value, at, until)
        document = {"kind": kind, "value": value, "at": at, "until": until}
        await self._records.put(COLLECTION, entry.id, document, expect=0)
        self._take(entry)
        # After the entry: whoever sees the new revision finds the entry too.
        await self._records.put(*_COUNTER, {})

    async def _stored_revision(self) -> int:
        try:
            return (await self._records.get(*_COUNTER)).version
        except NotFoundError:
            return 0

    async def _learn(self) -> None:
        """Newest first; a page that was read before is the end of what is new.

        Pages overlap, for another process may delete old ones meanwhile.
        """
        offset, read = 0, set[str]()
        while True:
            page = await self._records.find(COLLECTION, limit=_PAGE, offset=offset)
            fresh = [each for each in page.items if each.id not in self._learned]
            for record in fresh:
                self._take(_entry(record))
                read.add(record.id)
            offset += _PAGE // 2
            if not fresh or len(page.items) < _PAGE:
                break
        self._learned |= read

    def _take(self, entry: _Entry) -> None:
        self._entries[entry.id] = entry
        key = (entry.kind, entry.value)
        self._latest[key] = max(entry.at, self._latest.get(key, -1))

    def _index(self) -> None:
        kept = list(self._entries.values())
        self._entries, self._latest = {}, {}
        for each in kept:
            self._take(each)


def _told(kind: Kind, value: str, at: int) -> Revoked:
    if kind != "subject":
        return Revoked(kind, value)
    # No comma stands in either part: see `subject_text`.
    tenant, _, client = value.partition(",")
    return Revoked(kind, client, tenant, at)


def _entry(record: Record) -> _Entry:
    told = record.document
    return _Entry(record.id, told["kind"], told["value"], told["at"], told["until"])
