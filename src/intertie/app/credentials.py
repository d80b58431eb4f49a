"""Keeps the gateway at what is good to come in with: signing keys, and tokens taken back."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING

from anyio import TASK_STATUS_IGNORED, sleep
from anyio.abc import TaskStatus

from intertie.errors import StoreError
from intertie.identity.principal import Principal
from intertie.runtime.component import Health, Status

if TYPE_CHECKING:  # their libraries are large, and not every suite has need of them
    from intertie.identity.identities import Identities
    from intertie.identity.issuer import Issuer
    from intertie.identity.tokens.revocation import Revocations

_LOOK_S = 0.25
_ROTATE_S = 30 * 86400.0

log = logging.getLogger(__name__)


async def sealed_keys(identities: "Identities") -> Mapping[str, str]:
    """Texts of the API keys that Envoy may compare itself, and whose they are.

    A key that is good only from some addresses is for the authorizer.
    """
    table = await identities.key_table()
    found: dict[str, str] = {}
    for each in await identities.keys.plain_keys():
        whose = table.check(each.text, address="", now=time())
        if isinstance(whose, Principal) and not each.key.cidrs:
            found[each.text] = whose.forwarded()
    return found


class Credentials:
    """A component: `changed` is awaited whenever Envoy has to be told something new.

    `sealed` looks whether the API keys that Envoy has are still the same, and whether not.
    """

    def __init__(
        self,
        issuer: "Issuer",
        revocations: "Revocations",
        changed: Callable[[], Awaitable[None]],
        *,
        sealed: Callable[[], Awaitable[bool]] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        look_s: float = _LOOK_S,
    ) -> None:
        self._issuer = issuer
        self._revocations = revocations
        self._changed = changed
        self._sealed = sealed
        self._now = now
        self._look_s = look_s
        self._trouble = ""

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component."""
        known = ""
        task_status.started()
        while True:
            try:
                self._issuer.rotate_when_due(self._now(), every_s=_ROTATE_S)
                keys = json.dumps(self._issuer.jwks(), sort_keys=True)
                others = await self._revocations.refresh()
                if self._sealed is not None:
                    others = await self._sealed() or others
            except StoreError as exc:
                self._tell(str(exc))
            else:
                self._tell("")
                if others or keys != known:
                    await self._changed()
                known = keys
            await sleep(self._look_s)

    def health(self) -> Health:
        """See Component."""
        return Health(Status.DEGRADED, self._trouble) if self._trouble else Health(Status.UP)

    def _tell(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.error("credentials not followed", extra={"reason": trouble})
        self._trouble = trouble
