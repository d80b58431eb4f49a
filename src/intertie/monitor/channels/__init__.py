"""Ways to tell people of alerts: mail, Slack, webhooks, and all that Apprise knows."""

import ssl
from collections.abc import Mapping
from typing import assert_never

from intertie.monitor.channels.apprise import Apprise
from intertie.monitor.channels.email import Email
from intertie.monitor.channels.port import Channel, ChannelError, Message, Now, Resolve, Told
from intertie.monitor.channels.slack import Slack
from intertie.monitor.channels.text import render
from intertie.monitor.channels.webhook import Webhook
from intertie.monitor.channels.words import Words, words_of
from intertie.suite.monitoring import (
    AppriseChannel,
    EmailChannel,
    NoticeTemplate,
    SlackChannel,
    WebhookChannel,
)
from intertie.suite.monitoring import Channel as Config

__all__ = ["Channel", "ChannelError", "Message", "Told", "channel_of"]


def channel_of(
    config: Config,
    *,
    name: str,
    resolve: Resolve,
    now: Now,
    trusted: ssl.SSLContext | None = None,
    templates: Mapping[str, NoticeTemplate] | None = None,
) -> Channel:
    """The channel that `config` describes, called `name`. Nothing is connected or resolved yet.

    `trusted`: whose certificates are accepted; None: those the system trusts. It does not hold for
    Apprise, which reads its own.
    """
    if isinstance(config, WebhookChannel):
        return Webhook(name, config, resolve=resolve, now=now, trusted=trusted)
    words: Words = render
    if config.template is not None and templates is not None:
        words = words_of(templates[config.template], name=config.template)
    match config:
        case EmailChannel():
            return Email(name, config, resolve=resolve, trusted=trusted, words=words)
        case SlackChannel():
            return Slack(name, config, resolve=resolve, trusted=trusted, words=words)
        case AppriseChannel():
            return Apprise(name, config, resolve=resolve, words=words)
        case _:
            assert_never(config)
