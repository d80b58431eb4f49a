"""Messages to a Slack channel, by an incoming webhook."""

import json
import re
import ssl
from collections.abc import Iterator

from intertie.monitor.channels.port import Message, Resolve, resolved
from intertie.monitor.channels.post import Post
from intertie.monitor.channels.text import Rendered, render
from intertie.monitor.channels.words import Words
from intertie.suite.monitoring import SlackChannel

_MOST_IN_BLOCK = 3000
_MOST_IN_HEADER = 150
_LONGEST = 1 << 20


class Slack:
    """Posts a message as blocks."""

    def __init__(
        self,
        name: str,
        config: SlackChannel,
        *,
        resolve: Resolve,
        trusted: ssl.SSLContext | None = None,
        words: Words = render,
    ) -> None:
        self.name = name
        self._post = Post(name, trusted)
        self._config = config
        self._resolve = resolve
        self._words = words

    async def send(self, message: Message) -> str:
        """As `Channel`."""
        url = await resolved(self._resolve, self._config.url, channel=self.name)
        return await self._post(url, body(self._words(message)), {})


def body(told: Rendered) -> bytes:
    """A message as Slack takes it: a line for the notification and blocks for the page.

    These are far fewer than the 50 that Slack takes: `render` lists few alerts.
    """
    parts = [*_pieces(told.intro), *map(str, told.entries), told.more]
    blocks = [_header(told.subject), *(_section(part) for part in parts if part)]
    if told.link and len(link := _link(told.link)) <= _MOST_IN_BLOCK:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    payload = {"text": escaped(told.subject, _MOST_IN_BLOCK), "blocks": blocks}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def escaped(text: str, most: int) -> str:
    """Without the three characters that Slack reads as commands, and at most `most` long so."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(safe) <= most:
        return safe
    return re.sub(r"&[a-z]*$", "", safe[: most - 1]) + "…"


def _header(subject: str) -> dict[str, object]:
    text = escaped(subject, _MOST_IN_HEADER)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _pieces(text: str) -> Iterator[str]:
    """Each short enough for a block, where a line ends."""
    piece = ""
    for line in text.splitlines(keepends=True):
        if piece and len(escaped(piece + line, _LONGEST)) > _MOST_IN_BLOCK:
            yield piece
            piece = ""
        piece += line
    yield piece


def _section(text: str) -> dict[str, object]:
    told = escaped(text, _MOST_IN_BLOCK)
    return {"type": "section", "text": {"type": "mrkdwn", "text": told}}


def _link(link: str) -> str:
    # A bar would end the address.
    address = link.replace("&", "&amp;").replace("<", "%3C").replace(">", "%3E").replace("|", "%7C")
    return f"<{address}|Open>"
