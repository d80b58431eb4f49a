"""Things that count one time only: assertions, logout tokens, states, tickets."""

import hashlib
from collections.abc import Callable
from datetime import datetime

from intertie.errors import ConflictError, NotFoundError
from intertie.store import Document, Records

_COLLECTION = "sso.once"
_SWEEP_EVERY_S = 60.0
_SWEEP_MANY = 200


class Once:
    """Remembers what was used until it would be too old anyway. All processes share it."""

    def __init__(self, records: Records, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now
        self._swept = 0.0

    async def claim(self, kind: str, id: str, until: float) -> bool:
        """Whether this is the first time; `until` (seconds since 1970) it is remembered."""
        await self._sweep()
        try:
            await self._records.put(_COLLECTION, _key(kind, id), {"until": until}, expect=0)
        except ConflictError:
            return False
        return True

    async def keep(self, kind: str, id: str, document: Document, until: float) -> None:
        """Leave something for whoever shows `id`, which is not stored itself."""
        await self._sweep()
        kept = {"until": until, "kept": document}
        await self._records.put(_COLLECTION, _key(kind, id), kept)

    async def peek(self, kind: str, id: str) -> Document | None:
        """What was left, which stays; None when it is not there or too old."""
        try:
            found = (await self._records.get(_COLLECTION, _key(kind, id))).document
        except NotFoundError:
            return None
        kept: Document | None = found.get("kept")
        return kept if found["until"] > self._now().timestamp() else None

    async def take(self, kind: str, id: str) -> Document | None:
        """What was left, which is gone now: of two who ask at once, one gets it."""
        kept = await self.peek(kind, id)
        if not await self._records.delete(_COLLECTION, _key(kind, id)):
            return None
        return kept

    async def _sweep(self) -> None:
        moment = self._now().timestamp()
        if moment - self._swept < _SWEEP_EVERY_S:
            return
        self._swept = moment
        oldest = await self._records.find(_COLLECTION, newest_first=False, limit=_SWEEP_MANY)
        for each in oldest.items:
            if each.document["until"] < moment:
                await self._records.delete(_COLLECTION, each.id)


def _key(kind: str, id: str) -> str:
    return f"{kind}:{hashlib.sha256(id.encode()).hexdigest()}"
