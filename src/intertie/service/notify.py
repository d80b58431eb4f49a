"""Tells the supervisor that the service is ready, by systemd's protocol (sd_notify(3))."""

import logging
import socket

from anyio import connect_tcp, fail_after, move_on_after, sleep

log = logging.getLogger(__name__)

_LISTENS_S = 10.0
_EACH_S = 1.0
_PAUSE_S = 0.02


def notify(address: str, state: str) -> None:
    """Send one state: `READY=1`. A supervisor that is not there is a warning."""
    path = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), path)
    except OSError as exc:
        log.warning("supervisor not told", extra={"state": state, "reason": str(exc)})


async def listening(port: int) -> bool:
    """Wait until something on this machine accepts connections at the port; whether it did."""
    with move_on_after(_LISTENS_S):
        while True:
            try:
                with fail_after(_EACH_S):
                    stream = await connect_tcp("127.0.0.1", port)
            except (OSError, TimeoutError):
                await sleep(_PAUSE_S)
            else:
                await stream.aclose()
                return True
    return False
