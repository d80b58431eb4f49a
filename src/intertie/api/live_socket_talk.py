"""What is said on `/api/live`: subscriptions to events, changes, logs and health."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal, assert_never

from anyio import EndOfStream, fail_after, move_on_after
from pydantic import BaseModel, JsonValue, ValidationError
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from intertie.api import live_socket_messages as wire
from intertie.api import problem, views
from intertie.api.live_socket_link import (
    INVALID,
    TOO_LATE,
    UNAUTHORIZED,
    Link,
    Message,
    Refused,
    converse,
)
from intertie.api.models import HealthView
from intertie.control.actor import Actor
from intertie.control.use_cases import Control
from intertie.errors import AccessDeniedError, IntertieError
from intertie.event import Event
from intertie.runtime.log_filter import Filter

_AUTH_S = 10.0
_LOOK_S = 1.0
Item = tuple[str | None, JsonValue]
"""The id of an event, and the data."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What is subscribed to."""

    items: AbstractAsyncContextManager[AsyncIterator[Any]]
    """Any: `to_item` takes what these give."""
    to_item: Callable[[Any], Item]
    endless: bool = False
    """An end means that the reader fell behind."""


async def serve(
    scope: Scope, receive: Receive, send: Send, *, auth_s: float = _AUTH_S, send_s: float = 10.0
) -> None:
    """One connection, as an ASGI application."""
    socket = WebSocket(scope, receive, send)
    control: Control = socket.app.state.control
    header = socket.headers.get("authorization")

    async def talk(link: Link) -> None:
        await _Talk(link, control, header, auth_s).go_on()

    await converse(socket, talk, send_s=send_s)


class _Talk:
    """The protocol of one connection."""

    def __init__(
        self, link: Link, control: Control, authorization: str | None, auth_s: float
    ) -> None:
        self._link = link
        self._control = control
        self._authorization = authorization
        self._auth_s = auth_s

    async def go_on(self) -> None:
        """Until the connection ends."""
        if not self._actor(self._authorization).may_read:
            await self._authenticate()
        await self._tell(wire.Ready())
        while True:
            await self._heed(_parsed(await self._link.receive()))

    async def _authenticate(self) -> None:
        try:
            with fail_after(self._auth_s):
                said = _parsed(await self._link.receive())
        except TimeoutError:
            raise Refused(TOO_LATE, f"no `auth` message came within {self._auth_s:g} s") from None
        if not isinstance(said, wire.Auth):
            raise Refused(UNAUTHORIZED, "cannot do this before an `auth` message")
        self._admit(said.authorization)

    def _admit(self, authorization: str | None) -> None:
        """Asked for each subscription anew: what was shown may be revoked since."""
        try:
            self._actor(authorization).require_read()
        except AccessDeniedError as exc:
            raise Refused(UNAUTHORIZED, str(exc)) from None
        self._authorization = authorization

    def _actor(self, authorization: str | None) -> Actor:
        return self._control.identify(authorization, via="websocket", address=self._link.address)

    async def _heed(self, said: wire.Said) -> None:
        match said:
            case wire.Auth():
                self._admit(said.authorization)
                await self._tell(wire.Ready())
            case wire.Ping():
                await self._tell(wire.Pong())
            case wire.Unsubscribe(id=id):
                if self._link.cancel(id):
                    await self._tell(wire.Complete(id=id, reason="unsubscribed"))
            case _:
                self._admit(self._authorization)
                self._link.open(said.id, lambda: self._send_all(said))

    async def _send_all(self, wanted: wire.Subscription) -> None:
        try:
            source = await self._source(wanted)
            await self._send_items(wanted.id, source)
            reason: Literal["behind", "ended"] = "behind" if source.endless else "ended"
            last: BaseModel = wire.Complete(id=wanted.id, reason=reason)
        except EndOfStream:
            last = wire.Complete(id=wanted.id, reason="behind")
        except IntertieError as exc:
            last = wire.Failed(id=wanted.id, problem=problem.of(exc))
        self._link.forget(wanted.id)
        await self._tell(last)

    async def _send_items(self, id: str, source: _Source) -> None:
        async with source.items as items:
            async for item in items:
                event, data = source.to_item(item)
                await self._tell(wire.Next(id=id, event=event, data=data))

    async def _source(self, wanted: wire.Subscription) -> _Source:
        control = self._control
        match wanted:
            case wire.SubscribeEvents(after=after):
                return _Source(control.events.read(after=after, follow=True), _event, endless=True)
            case wire.SubscribeChanges(change=id):
                await control.changes.get(id)
                return _Source(control.changes.watch(id), _model)
            case wire.SubscribeLogs():
                only = Filter(stream=wanted.stream, grep=wanted.grep, level=wanted.level)
                lines = control.logs.read(wanted.services, tail=wanted.tail, follow=True, only=only)
                return _Source(lines, lambda line: (None, asdict(line)), endless=True)
            case wire.SubscribeHealth():
                return _Source(_health(control), _model, endless=True)
            case _:
                assert_never(wanted)

    async def _tell(self, message: BaseModel) -> None:
        await self._link.send(message.model_dump(mode="json"))


def _event(event: Event) -> Item:
    return event.id, event.model_dump(mode="json")


def _model(model: BaseModel) -> Item:
    return None, model.model_dump(mode="json")


@asynccontextmanager
async def _health(control: Control) -> AsyncIterator[AsyncIterator[HealthView]]:
    async with control.events.read(after=None, follow=True) as events:
        yield _reports(control, events)


async def _reports(control: Control, events: AsyncIterator[Event]) -> AsyncIterator[HealthView]:
    """A report at first, and when one differs: looked for at each event, and each second."""
    shown = None
    while True:
        report = views.health(control.health.report())
        if (now := report.model_dump(exclude={"timestamp"})) != shown:
            shown = now
            yield report
        with move_on_after(_LOOK_S):
            try:
                await anext(events)
            except StopAsyncIteration:
                return


def _parsed(message: Message) -> wire.Said:
    try:
        return wire.SAID.validate_python(message)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(INVALID, f"cannot use this message: {place}: {first['msg']}") from None
