"""Twilio: texts and pictures to phones."""

from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from intertie.integrations import rest
from intertie.integrations.credentials import Basic
from intertie.integrations.data import Errors, Limits, NextUrl, Probe
from intertie.integrations.operation import Answer, Arguments, Nothing, get, post
from intertie.integrations.webhooks import At, Header, TwilioSha1, Webhook

Phone = Annotated[str, Field(min_length=3, max_length=64)]
"""As E.164, or with a channel before it: `whatsapp:+15551234567`."""


class Settings(rest.Settings):
    """An account of https://console.twilio.com."""

    account_sid: Annotated[str, Field(pattern=r"^AC[0-9a-fA-F]{32}$")]
    """Begins with `AC`."""
    auth_token: SecretStr | None = None
    """Of the account; not needed with an API key."""
    api_key: str = ""
    """Begins with `SK`: a key can be taken back by itself."""
    api_secret: SecretStr | None = None
    """Of the key."""


class Account(Answer):
    """Whose account it is. The answer has its token too, which nobody wants to see."""

    sid: str
    friendly_name: str = ""
    status: str


class Message(Answer):
    """A message, as far as it has got."""

    sid: str
    status: str
    to: str | None = None
    sender: str | None = Field(default=None, alias="from")
    body: str | None = None
    direction: str = ""
    num_segments: str | None = None
    """How many texts it takes, and is paid for."""
    price: str | None = None
    """Known some time after it was sent."""
    price_unit: str | None = None
    date_sent: str | None = None
    """As RFC 2822 has it."""
    error_code: int | None = None
    """Why it was not delivered: https://www.twilio.com/docs/api/errors."""
    error_message: str | None = None


class MessagePage(Answer):
    """Some of the messages, the newest first."""

    messages: list[Message]
    next_page_uri: str | None = None


class Send(Arguments):
    """What goes to whom, from a number of ours or of a messaging service."""

    to: Phone = Field(alias="To")
    sender: Phone | None = Field(default=None, alias="From")
    messaging_service_sid: str | None = Field(
        default=None, alias="MessagingServiceSid", pattern=r"^MG[0-9a-fA-F]{32}$"
    )
    body: str | None = Field(default=None, alias="Body", min_length=1, max_length=1600)
    media_url: list[str] | None = Field(default=None, alias="MediaUrl", max_length=10)
    """Pictures and the like, which Twilio fetches."""
    status_callback: str | None = Field(default=None, alias="StatusCallback")
    """Address that is told how far it got."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not (self.sender or self.messaging_service_sid):
            raise ValueError("say `sender` or `messaging_service_sid`")
        if not (self.body or self.media_url):
            raise ValueError("say `body` or `media_url`")
        return self


class Messages(Arguments):
    """Which messages."""

    to: Phone | None = Field(default=None, alias="To")
    sender: Phone | None = Field(default=None, alias="From")
    sent_after: datetime | None = Field(default=None, alias="DateSent>")
    sent_before: datetime | None = Field(default=None, alias="DateSent<")
    page_size: int = Field(default=50, ge=1, le=1000, alias="PageSize")


class Sid(Arguments):
    """Which message."""

    sid: str = Field(pattern=r"^(SM|MM)[0-9a-fA-F]{32}$")


class TwilioIntegration(rest.RestIntegration):
    """Texts by SMS, MMS and WhatsApp."""

    kind = "twilio"
    docs = "https://www.twilio.com/docs/messaging/api"
    stability = "beta"
    owner = "communication"
    settings_type = Settings
    webhook = Webhook(
        TwilioSha1(),
        secret="auth_token",  # noqa: S106 - the name of a setting
        body="json or form",
        id=(Header("i-twilio-idempotency-token"),),
        type=(At("MessageStatus"), At("SmsStatus")),
    )
    base = "https://api.twilio.com/2010-04-01/Accounts/{account_sid}"
    ways = (Basic("api_key", "api_secret"), Basic("account_sid", "auth_token"))
    # Twilio counts calls at the same time, not calls (docs/api/errors/20429), and queues messages
    # that a number may not send yet: our caution.
    limits = Limits(burst_limit=100)
    errors = Errors(
        message=("message",),
        code="code",
        code_from=400,
        codes=MappingProxyType(
            {
                "20003": "auth",
                "20005": "auth",  # the account is not active
                "20404": "absent",
                "20429": "throttled",
                "21211": "invalid",  # `To` is no number
                "21408": "forbidden",  # the account may not send to this country
                "63038": "spent",  # messages of a day
            }
        ),
    )
    probe = Probe("account_info")

    account_info = get(".json", Nothing, Account)
    # There is no key against sending twice: what may have been sent is not sent again.
    send_sms = post("/Messages.json", Send, Message, effect="message", encoding="form")
    message = get("/Messages/{sid}.json", Sid, Message)
    messages = get(
        "/Messages.json", Messages, MessagePage, pages=NextUrl("messages", "next_page_uri")
    )
