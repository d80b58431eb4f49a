"""Which events about assets somebody who listens gets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.service import ServerEvent
from intertie_media.documents import AssetId
from intertie_media.pipeline.event import Hub, Sent
from intertie_media.web import Identity

Present = Callable[[], Awaitable[ServerEvent | None]]


@asynccontextmanager
async def follow(
    hub: Hub, who: Identity, *, asset: AssetId | None, after: str | None, present: Present
) -> AsyncIterator[AsyncIterator[ServerEvent]]:
    """Those that `who` may see: of one asset, or of all of theirs.

    `present` is asked for a first one once nothing can be missed any more.
    """
    async with hub.listen(after) as events:
        yield _seen(events, who, asset, await present())


async def _seen(
    events: MemoryObjectReceiveStream[Sent],
    who: Identity,
    asset: AssetId | None,
    first: ServerEvent | None,
) -> AsyncIterator[ServerEvent]:
    if first is not None:
        yield first
    async for sent in events:
        if _may_see(sent, who, asset):
            yield ServerEvent(sent.event.model_dump(mode="json"), event=sent.kind, id=sent.id)


def _may_see(sent: Sent, who: Identity, asset: AssetId | None) -> bool:
    theirs = sent.event.user_id == who.user or (asset is not None and who.is_admin)
    return theirs and asset in {None, sent.event.asset_id}
