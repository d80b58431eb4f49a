"""WebSockets for uvicorn, loaded with the first one: most daemons never see any."""

import asyncio
from typing import cast

from uvicorn.config import Config
from uvicorn.server import ServerState


def _upgraded(
    config: Config,
    server_state: ServerState,
    app_state: dict[str, object],
    _loop: asyncio.AbstractEventLoop | None = None,
) -> asyncio.Protocol:
    from uvicorn.protocols.websockets.websockets_sansio_impl import (  # noqa: PLC0415 - see above
        WebSocketsSansIOProtocol,
    )

    return WebSocketsSansIOProtocol(config, server_state, app_state, _loop)


protocol = cast("type[asyncio.Protocol]", _upgraded)
"""What uvicorn makes for a connection that is upgraded: `uvicorn.Config(ws=protocol)`."""
