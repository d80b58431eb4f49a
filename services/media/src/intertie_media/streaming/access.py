"""Who may see an asset's files, remembered for a moment: players ask for many segments."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from intertie_media.assets import Assets
from intertie_media.documents import AssetId, UserId
from intertie_media.web import Identity

REMEMBERED_S = 2.0
"""A deleted asset's segments may be had for so long."""

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    owner: UserId
    until_s: float


class Access:
    """`clock` gives seconds that only grow."""

    def __init__(self, assets: Assets, *, clock: Callable[[], float]) -> None:
        self._assets = assets
        self._clock = clock
        self._known: OrderedDict[AssetId, _Known] = OrderedDict()

    async def check(self, who: Identity, id: AssetId) -> None:
        """Raises NotFoundError, AccessDeniedError."""
        known = self._known.get(id)
        if known is None or known.until_s < self._clock():
            owner = (await self._assets.get(id)).user_id
            known = self._known[id] = _Known(owner, self._clock() + REMEMBERED_S)
            self._known.move_to_end(id)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        who.must_own(known.owner, "asset")
