"""Slack: messages to channels, and who and what is in a workspace."""

from pydantic import Field, SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import Bearer, OAuth2
from intertie.integrations.data import Cursor, Errors, Limits, Probe
from intertie.integrations.operation import Answer, Arguments, Nothing, get, post
from intertie.integrations.webhooks import At, SlackV0, UrlVerification, Webhook

_MEANINGS = {
    "auth": "not_authed invalid_auth token_expired token_revoked account_inactive",
    "forbidden": "missing_scope not_allowed_token_type no_permission access_denied"
    " ekm_access_denied team_access_not_granted restricted_action org_login_required",
    "absent": "channel_not_found user_not_found user_not_visible message_not_found",
    "throttled": "ratelimited rate_limited",
    "vendor_down": "internal_error fatal_error service_unavailable request_timeout"
    " team_added_to_org",
}
_NEXT = "response_metadata.next_cursor"


class Settings(rest.Settings):
    """An app of https://api.slack.com/apps: its bot token, or how people grant one."""

    bot_token: SecretStr | None = None
    """Begins with `xoxb-`."""
    client_id: str = ""
    """Of the app."""
    client_secret: SecretStr | None = None
    """Of the app."""
    scope: str = ""
    """What is asked for, with commas between; empty is what the operations need."""
    signing_secret: SecretStr | list[SecretStr] | None = None
    """Of the app: signs what Slack delivers."""


class Who(Answer):
    """Whose token it is."""

    team_id: str
    user_id: str
    team: str = ""
    user: str = ""
    bot_id: str = ""


class Message(Answer):
    """Something that was said."""

    ts: str = ""
    """Names it within its channel."""
    text: str = ""
    user: str = ""
    bot_id: str | None = None
    thread_ts: str = ""


class Posted(Answer):
    """The message as it is now."""

    channel: str
    ts: str
    message: Message = Message()


class Post(Arguments):
    """What is said, and where."""

    channel: str = Field(min_length=1)
    """Its id, or a person's."""
    text: str = Field(default="", max_length=40_000)
    """With `blocks`, what notices show."""
    blocks: list[dict[str, object]] | None = Field(default=None, max_length=50)
    thread_ts: str | None = None
    """The message that is answered."""
    unfurl_links: bool | None = None


class Change(Arguments):
    """What a message says instead."""

    channel: str = Field(min_length=1)
    ts: str = Field(min_length=1)
    text: str = Field(default="", max_length=40_000)
    blocks: list[dict[str, object]] | None = Field(default=None, max_length=50)


class Further(Answer):
    """Where the next page is."""

    next_cursor: str = ""


class Channel(Answer):
    """A conversation: public, private or between people."""

    id: str
    name: str = ""
    is_private: bool = False
    is_archived: bool = False
    is_member: bool = False


class ChannelPage(Answer):
    """Some of the channels."""

    channels: list[Channel]
    response_metadata: Further = Further()


class Channels(Arguments):
    """Which channels; fewer than `limit` may come although there are more."""

    types: list[str] = ["public_channel"]
    exclude_archived: bool = True
    limit: int = Field(default=200, ge=1, le=999)
    cursor: str | None = None


class History(Arguments):
    """Of which channel, and from when to when, as `ts`."""

    channel: str = Field(min_length=1)
    oldest: str | None = None
    latest: str | None = None
    limit: int = Field(default=100, ge=1, le=999)
    cursor: str | None = None


class MessagePage(Answer):
    """Some of the messages, the newest first."""

    messages: list[Message]
    response_metadata: Further = Further()


class UserId(Arguments):
    """Who."""

    user: str = Field(min_length=1)


class User(Answer):
    """A member of the workspace."""

    id: str
    name: str = ""
    real_name: str = ""
    is_bot: bool = False
    deleted: bool = False


class UserFound(Answer):
    """One member."""

    user: User


class SlackIntegration(rest.RestIntegration):
    """Messages to the channels of a workspace."""

    kind = "slack"
    docs = "https://docs.slack.dev/apis/web-api"
    stability = "beta"
    owner = "communication"
    settings_type = Settings
    webhook = Webhook(
        SlackV0(),
        secret="signing_secret",  # noqa: S106 - the name of a setting
        body="json or form",
        id=(At("event_id"),),
        type=(At("event.type"), At("command"), At("type")),
        challenge=UrlVerification(),
    )
    base = "https://slack.com/api"
    ways = (
        Bearer("bot_token"),
        OAuth2(
            authorize="https://slack.com/oauth/v2/authorize",
            token="https://slack.com/api/oauth.v2.access",  # noqa: S106 - an address
            revoke="https://slack.com/api/auth.revoke",
            pkce=False,
            renewal="single_use",
            separator=",",
            scopes=("chat:write", "channels:read", "channels:history", "users:read"),
        ),
    )
    # Limits are of a method of an app in a workspace (docs.slack.dev/apis/web-api/rate-limits); the
    # numbers below are those of the methods' tiers: 2 is 20 a minute, 3 is 50, 4 is 100.
    limits = Limits(per="operation")
    errors = Errors(
        message=("error",),
        code="error",
        codes={word: what for what, words in _MEANINGS.items() for word in words.split()},
        scopes="needed",
    )
    probe = Probe("auth_test")

    auth_test = get("/auth.test", Nothing, Who, per_minute=100)
    # "1 message per second to a specific channel", and "several hundred" a minute in all; there is
    # no key against posting twice: what may have been posted is not posted again.
    post_message = post(
        "/chat.postMessage",
        Post,
        Posted,
        effect="message",
        scopes=("chat:write",),
        per_minute=200,
    )
    update_message = post("/chat.update", Change, Posted, scopes=("chat:write",), per_minute=50)
    # Which scope the next two need depends on the channels: Slack says it, where one is missing.
    channels = get(
        "/conversations.list",
        Channels,
        ChannelPage,
        pages=Cursor("channels", _NEXT, "cursor"),
        per_minute=20,
    )
    history = get(
        "/conversations.history",
        History,
        MessagePage,
        pages=Cursor("messages", _NEXT, "cursor"),
        per_minute=50,
    )
    user = get("/users.info", UserId, UserFound, scopes=("users:read",), per_minute=100)
