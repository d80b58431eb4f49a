"""The authorizer as the controller of the gateway sees it."""

from pathlib import Path

from anyio import move_on_after, sleep

from intertie.drivers.unix import ask
from intertie.gateway.authz.settings import GENERATION

_PATIENCE_S = 2.0
_POLL_S = 0.02


async def has_taken(socket: Path, digest: str, *, within_s: float = _PATIENCE_S) -> bool:
    """Wait until these settings are in use; False when they are not in time.

    At once where no authorizer answers: one that starts reads them first.
    """
    with move_on_after(within_s):
        while await _generation(socket) not in {None, digest}:  # noqa: ASYNC110 - no event comes
            await sleep(_POLL_S)
        return True
    return False


async def _generation(socket: Path) -> str | None:
    try:
        answer = await ask(socket, GENERATION)
    except OSError:
        return None
    return answer.text if answer.is_good else None
