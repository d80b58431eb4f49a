"""Codes sent to a telephone or an e-mail address: six digits, for a few minutes, for one use."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from anyio import fail_after

from intertie.errors import AccessDeniedError, ConflictError, IntertieError, NotFoundError
from intertie.identity.audit import Actor
from intertie.identity.store import Desk, Shelf, scoped
from intertie.identity.users import User, Users

Method = Literal["sms", "email"]

_DIGITS = 6
_HOUR = timedelta(hours=1)
_SEND_TIMEOUT_S = 15.0
_WRONG = "cannot accept the code: it is wrong, too old, or was used before"


class Channel(Protocol):
    """A way to reach somebody."""

    async def send(self, address: str, text: str) -> None:
        """Hand it over for delivery. Raises IntertieError."""
        ...


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """Of each user and method."""

    lifetime_s: float = 300.0
    tries: int = 5
    sends_per_hour: int = 5
    tries_per_hour: int = 20
    """Of all codes together."""


@dataclass(frozen=True, slots=True)
class _Sent:
    code: str | None = field(repr=False)
    until: datetime
    tries: int = 0
    sends: tuple[datetime, ...] = ()
    tried: tuple[datetime, ...] = ()


class Codes:
    """The codes on their way."""

    def __init__(
        self,
        desk: Desk,
        users: Users,
        *,
        channels: Mapping[Method, Channel],
        limits: CodeLimits | None = None,
    ) -> None:
        self._desk = desk
        self._users = users
        self._channels = channels
        self._limits = limits or CodeLimits()
        self._shelf = Shelf(desk.records, "identity_codes", _Sent)

    def methods(self, user: User) -> tuple[Method, ...]:
        """Those by which this user can be reached."""
        return tuple(method for method in self._channels if _address(user, method))

    async def send(self, actor: Actor, user_id: str, method: Method) -> None:
        """Send a new code; the one before no longer counts.

        Raises AccessDeniedError when too many were sent, IntertieError when it cannot be.
        """
        user = await self._users.get(user_id)
        async with self._desk.told(actor, "code.send", _target(user), {"method": method}):
            channel, address = self._channels.get(method), _address(user, method)
            if channel is None or not address:
                why = "it is not set up" if channel is None else "the user has no verified address"
                raise IntertieError(f"cannot send a code by {method}: {why}")
            code = f"{int.from_bytes(self._desk.random(8)) % 10**_DIGITS:0{_DIGITS}}"
            await self._remember(user_id, method, code)
            await _deliver(channel, address, f"{code} is your code. Give it to nobody.")

    async def check(self, actor: Actor, user_id: str, method: Method, code: str) -> None:
        """Accept the code, once. Raises AccessDeniedError."""
        user = await self._users.get(user_id)
        id = _id(user_id, method)
        async with self._desk.told(actor, "code.check", _target(user), {"method": method}):
            try:
                # A try is counted before it is looked at: many at once are still many.
                sent = await self._shelf.edit(id, self._tried)
            except NotFoundError:
                raise AccessDeniedError(_WRONG) from None
            self._compare(sent, id, code)
            await self._shelf.edit(id, lambda now: _used(now, sent))

    async def forget(self, user_id: str) -> None:
        """Of a user that is deleted."""
        for method in ("sms", "email"):
            await self._shelf.delete(_id(user_id, method))

    async def _remember(self, user_id: str, method: Method, code: str) -> None:
        id, now = _id(user_id, method), self._desk.now()
        stored = self._desk.sealer.code(code.encode(), purpose=_bound(id))
        until = now + timedelta(seconds=self._limits.lifetime_s)
        if await self._shelf.find(id) is None:
            with suppress(ConflictError):  # somebody else asks for one at this moment
                await self._shelf.add(id, _Sent(None, now))
        await self._shelf.edit(id, lambda kept: self._sent(kept, stored, until))

    def _sent(self, kept: _Sent, stored: str, until: datetime) -> _Sent:
        now = self._desk.now()
        sends = tuple(at for at in kept.sends if now - at < _HOUR)
        if len(sends) >= self._limits.sends_per_hour:
            minutes = (sends[0] + _HOUR - now).total_seconds() / 60
            raise AccessDeniedError(f"cannot send another code: wait {minutes:.0f} min")
        return replace(kept, code=stored, until=until, tries=0, sends=(*sends, now))

    def _tried(self, kept: _Sent) -> _Sent:
        now = self._desk.now()
        tried = tuple(at for at in kept.tried if now - at < _HOUR)
        spent = kept.tries >= self._limits.tries or len(tried) >= self._limits.tries_per_hour
        if spent or kept.code is None or kept.until <= now:
            raise AccessDeniedError(_WRONG)
        return replace(kept, tries=kept.tries + 1, tried=(*tried, now))

    def _compare(self, sent: _Sent, id: str, code: str) -> None:
        shown = code[:64].encode("utf-8", "replace")
        if not self._desk.sealer.proves(shown, sent.code or "", purpose=_bound(id)):
            raise AccessDeniedError(_WRONG)


async def _deliver(channel: Channel, address: str, text: str) -> None:
    try:
        with fail_after(_SEND_TIMEOUT_S):
            await channel.send(address, text)
    except (OSError, TimeoutError) as exc:
        raise IntertieError(f"cannot send the code: {type(exc).__name__}; try again") from exc


def _used(now: _Sent, sent: _Sent) -> _Sent:
    if now.code != sent.code:
        raise AccessDeniedError(_WRONG)
    return replace(now, code=None)


def _address(user: User, method: Method) -> str:
    if method == "sms":
        return user.phone
    return user.email if user.email_verified else ""


def _target(user: User) -> str:
    return scoped(user.tenant, user.login)


def _id(user_id: str, method: str) -> str:
    return f"{user_id}:{method}"


def _bound(id: str) -> str:
    return f"code:{id}"
