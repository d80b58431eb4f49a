"""Dead letters on NATS: a stream with a subject for each group and pattern."""

from datetime import UTC, datetime

from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from intertie.bus.nats_link import Link
from intertie.bus.nats_names import (
    Names,
    copy_headers,
    grave_headers,
    message_of,
    reason_of,
    size_of,
    tries_of,
)
from intertie.bus.nats_pull import Held
from intertie.bus.port import DeadLetter

_LAST = (1 << 63) - 1
_SHORTEST = 64
"""Characters of a reason that are kept, however large the message."""


class Grave:
    """Where one group buries what one of its patterns brought."""

    def __init__(self, link: Link, subject: str) -> None:
        self._link = link
        self._subject = subject

    async def bury(self, held: Held, reason: str) -> None:
        """Return once the server keeps it. The reason is cut to what the server still takes."""
        # The id makes it one dead letter, should the ack after it be lost.
        id = f"{self._subject}:{held.place}"
        room = self._link.client.max_payload - len(held.message.body)
        while True:
            headers = grave_headers(held.message, reason, tries=held.tries, id=id)
            if size_of(headers) <= room or len(reason) <= _SHORTEST:
                break
            reason = reason[: len(reason) // 2]
        await self._link.put(self._subject, held.message.body, headers)


async def letters(link: Link, names: Names, group: str | None, *, limit: int) -> list[DeadLetter]:
    """The oldest of one group, or of all."""
    found: list[DeadLetter] = []
    subject, after = names.grave(group or "*"), 0
    while len(found) < limit:
        raw = await _next(link, names, after + 1, subject)
        if raw is None:
            break
        found.append(_letter(raw))
        after = raw.seq or _LAST
    return found


async def replay(link: Link, names: Names, group: str, id: str) -> bool:
    """Publish it where only its group reads, and forget it; whether there was one."""
    raw = await _find(link, names, group, id)
    if raw is None:
        return False
    message = _letter(raw).message
    consumer = (raw.subject or "").rpartition(".")[2]
    # A replay that is tried again, because only the removal failed, is the same message.
    headers = copy_headers(message, f"{raw.subject}:{id}")
    await link.put(names.lane(consumer, message.topic), message.body, headers)
    await _remove(link, names, id)
    return True


async def remove(link: Link, names: Names, group: str, id: str) -> bool:
    """Forget it; whether there was one."""
    if await _find(link, names, group, id) is None:
        return False
    await _remove(link, names, id)
    return True


async def _find(link: Link, names: Names, group: str, id: str) -> RawStreamMsg | None:
    if not (id.isascii() and id.isdigit() and 0 < int(id) < _LAST):
        return None
    raw = await _next(link, names, int(id), names.grave(group))
    return raw if raw is not None and raw.seq == int(id) else None


async def _next(link: Link, names: Names, place: int, subject: str) -> RawStreamMsg | None:
    with link.call("read dead letters"):
        try:
            return await link.js.get_msg(names.graves, seq=place, subject=subject, next=True)
        except NotFoundError:
            return None


async def _remove(link: Link, names: Names, id: str) -> None:
    with link.call("remove a dead letter"):
        await link.js.delete_msg(names.graves, int(id))


def _letter(raw: RawStreamMsg) -> DeadLetter:
    headers, id = raw.headers or {}, str(raw.seq)
    return DeadLetter(
        id,
        (raw.subject or "").split(".")[-2],
        message_of("", headers, raw.data or b"", id=id),
        reason_of(headers),
        tries_of(headers),
        raw.time or datetime.min.replace(tzinfo=UTC),
    )
