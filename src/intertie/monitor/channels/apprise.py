"""Messages by Apprise: push, SMS and some hundred other services (extra `notify`)."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from anyio import fail_after, to_thread

from intertie.monitor.channels.port import (
    ChannelError,
    Message,
    Resolve,
    parts_of,
    resolved,
    shown,
)
from intertie.monitor.channels.text import Rendered, render
from intertie.monitor.channels.words import Words
from intertie.suite.monitoring import AppriseChannel

if TYPE_CHECKING:
    from apprise import NotifyBase, NotifyType

_TIMEOUT_S = 12.0
_LIBRARY = "apprise"


class Apprise:
    """Hands a message to the service that its address names."""

    def __init__(
        self, name: str, config: AppriseChannel, *, resolve: Resolve, words: Words = render
    ) -> None:
        self.name = name
        self._config = config
        self._resolve = resolve
        self._words = words

    async def send(self, message: Message) -> str:
        """As `Channel`."""
        url = await resolved(self._resolve, self._config.url, channel=self.name)
        hand_over = partial(_hand_over, url, message, self._words(message), channel=self.name)
        try:
            with fail_after(_TIMEOUT_S):
                return await to_thread.run_sync(hand_over, abandon_on_cancel=True)
        except TimeoutError as exc:
            why = f"no answer within {_TIMEOUT_S:g}s"
            raise ChannelError(f"cannot tell by {self.name!r}: {why}", retry=True) from exc


def _hand_over(url: str, message: Message, told: Rendered, *, channel: str) -> str:
    try:
        import apprise  # noqa: PLC0415 - an extra, and slow to load
    except ImportError as exc:
        why = "the extra is not installed; run: pip install 'intertie[notify]'"
        raise ChannelError(f"cannot tell by apprise: {why}", retry=False) from exc
    asset = apprise.AppriseAsset(app_id="Intertie", app_desc="Intertie", app_url="")
    asset.http_redirects = False
    with _overheard() as said:
        service = apprise.Apprise.instantiate(url, asset=asset)
        taken = service is not None and _notify(service, message, told)
    if service is None:
        # What the library says of an address that it cannot read may quote it.
        why = "its `url` is none that Apprise can use; see `apprise --details`"
        raise ChannelError(f"cannot tell by {channel!r}: {why}", retry=False)
    # Where others have a host, many of its services have a key.
    why = shown("; ".join(said), (url, *parts_of(url.partition("://")[2])))
    if not taken:
        raise ChannelError(f"cannot tell by {channel!r}: {why or 'not delivered'}", retry=True)
    return why or "delivered"


def _notify(service: "NotifyBase", message: Message, told: Rendered) -> bool:
    return service.notify(
        body=told.body,
        title=told.subject,
        notify_type=_tone(message),
        body_format="text",
    )


def _tone(message: Message) -> "NotifyType":
    from apprise import NotifyType  # noqa: PLC0415 - as above

    if message.kind == "resolved":
        return NotifyType.SUCCESS
    tones = {"critical": NotifyType.FAILURE, "warning": NotifyType.WARNING}
    return tones.get(message.severity, NotifyType.INFO)


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What the library logs in this thread from WARNING on; nothing of it reaches the log.

    Some hundred services write there, and not each hides what is secret in its address.
    """
    said: list[str] = []
    mine = threading.get_ident()

    def kept(record: logging.LogRecord) -> bool:
        if record.thread != mine:
            return True
        if record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return False

    log = logging.getLogger(_LIBRARY)
    log.addFilter(kept)
    try:
        yield said
    finally:
        log.removeFilter(kept)
