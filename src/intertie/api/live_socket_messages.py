"""Messages of `/api/live`; what `schemas/live.asyncapi.json` publishes."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from intertie.api.problem import Problem
from intertie.runtime.log_record import Level
from intertie.runtime.log_tap import Stream

Id = Annotated[str, Field(min_length=1, max_length=64)]


class _Said(BaseModel):
    """Base of what a client sends: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Auth(_Said):
    """Who connects, for a client that cannot send the Authorization header with the handshake."""

    type: Literal["auth"]
    authorization: Annotated[str, Field(max_length=4_096)]
    """As the header would have it: `Bearer …`."""


class Ping(_Said):
    """Asks for a `pong`."""

    type: Literal["ping"]


class Unsubscribe(_Said):
    """Ends a subscription; nothing of it is sent after the `complete` that answers."""

    type: Literal["unsubscribe"]
    id: Id


class _Subscribe(_Said):
    type: Literal["subscribe"]
    id: Id
    """Chosen by the client; what is sent for this subscription carries it."""


class SubscribeEvents(_Subscribe):
    """Events that are kept, then new ones."""

    channel: Literal["events"]
    after: Annotated[str, Field(max_length=200)] | None = None
    """Id of the last event seen: only later ones are sent."""


class SubscribeChanges(_Subscribe):
    """A change now and each time it progresses; completes when it has ended."""

    channel: Literal["changes"]
    change: Annotated[str, Field(max_length=200)]
    """Its id."""


class SubscribeLogs(_Subscribe):
    """Log lines of services, then new ones."""

    channel: Literal["logs"]
    services: Annotated[list[str], Field(max_length=1_000)] = []
    """Empty means all."""
    tail: Annotated[int, Field(ge=0, le=100_000)] = 100
    """How many of the lines that are there, of each file."""
    stream: Stream | None = None
    grep: Annotated[str, Field(max_length=1_000)] | None = None
    """A regular expression."""
    level: Level | None = None


class SubscribeHealth(_Subscribe):
    """The health JSON now and each time something of it changes."""

    channel: Literal["health"]


Subscription = SubscribeEvents | SubscribeChanges | SubscribeLogs | SubscribeHealth
Said = Auth | Ping | Unsubscribe | Subscription
SAID: TypeAdapter[Said] = TypeAdapter(
    Annotated[
        Auth | Ping | Unsubscribe | Annotated[Subscription, Field(discriminator="channel")],
        Field(discriminator="type"),
    ]
)


class _Told(BaseModel):
    """Base of what is answered."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Ready(_Told):
    """Sent once the caller may subscribe."""

    type: Literal["ready"] = "ready"


class Pong(_Told):
    """Answers a `ping`."""

    type: Literal["pong"] = "pong"


class Next(_Told):
    """One item of a subscription."""

    type: Literal["next"] = "next"
    id: Id
    event: str | None = None
    """Of an event, its id: give it as `after` to go on from there."""
    data: JsonValue
    """An event, a change, a log line or the health JSON: as the REST API has them."""


class Complete(_Told):
    """A subscription has ended."""

    type: Literal["complete"] = "complete"
    id: Id
    reason: Literal["ended", "unsubscribed", "behind"]
    """`behind`: the client was too slow; it may subscribe again after the last event it has."""


class Failed(_Told):
    """A subscription could not be made, or broke; it is over."""

    type: Literal["error"] = "error"
    id: Id
    problem: Problem
