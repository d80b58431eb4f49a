"""Sessions of browsers: on our side all that is known, in the cookie a random number."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Protocol

from intertie.errors import ConflictError, NotFoundError
from intertie.identity.principal import Principal
from intertie.identity.sso.cookies import Cookies
from intertie.store import Record, Records
from intertie.suite.values import DEFAULT_TENANT

COLLECTION = "sso.sessions"
_STATE = ("sso.state", "sessions")
_FOLLOW_S = 0.5
_FRESH_S = 10.0
"""What is remembered of a session is read again after so long, and its user with it."""
_TOUCH_S = 60.0
_MOST_CACHED = 20_000
_MOST_OF_USER = 1000
_SWEEP_EVERY_S = 300.0


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is logged in. Times are seconds since 1970."""

    user: str
    epoch: int = 1
    """Of the user, when it began."""
    tenant: str = DEFAULT_TENANT
    provider: str = ""
    """Empty: the suite's own password."""
    subject: str = ""
    """The user as the provider knows it."""
    sid: str = ""
    """The session as the provider knows it."""
    methods: tuple[str, ...] = ()
    """How the user was made sure of (RFC 8176)."""
    tokens: str = ""
    """The provider's, sealed."""
    renew_at: float = 0.0
    """When the provider is to be asked again; 0 is never."""
    started: float = 0.0
    ends: float = 0.0
    used: float = 0.0
    agent: str = ""
    """The browser, for people to know it by."""
    key: str = ""
    """The hash of the cookie: its name here. Knowing it opens nothing."""
    leased: float = 0.0
    """Until then, somebody is asking the provider."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long sessions last, in seconds."""

    session_s: float = 86400.0
    idle_s: float = 3600.0


class Users(Protocol):
    """Whose sessions they are, as they are now."""

    async def present(self, user: str, epoch: int) -> Principal | None:
        """None when it is gone, shut out, or its sessions from before `epoch` grew have ended."""
        ...

    async def revision(self) -> object:
        """Another one as soon as any user has changed."""
        ...


Renew = Callable[[Session], Awaitable[Session | None]]


@dataclass(frozen=True, slots=True)
class _Known:
    session: Session
    principal: Principal
    until: float


class Sessions:
    """All sessions, shared by every process on the same records.

    What was ended by one process is ended in all within a second.
    """

    def __init__(
        self,
        records: Records,
        cookies: Cookies,
        users: Users,
        *,
        lifetimes: Lifetimes,
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._cookies = cookies
        self._users = users
        self._lifetimes = lifetimes
        self._now = now
        self._known: dict[str, _Known] = {}
        self._revision: tuple[int, object] = (-1, None)
        self._followed = 0.0
        self._swept = 0.0
        self.renew: Renew | None = None
        """Asked for each session whose `renew_at` has come; None from it ends the session."""

    async def lookup(self, cookie_header: str | None) -> Principal | None:
        """Whose browser this is. Microseconds, but for the first time and now and then.

        Raises StoreError.
        """
        found = await self._current(cookie_header)
        return found.principal if found else None

    async def find(self, cookie_header: str | None) -> Session | None:
        """The session of a browser. Raises StoreError."""
        found = await self._current(cookie_header)
        return found.session if found else None

    async def start(
        self,
        session: Session,
        *,
        cookie_header: str | None = None,
        duration_s: float | None = None,
    ) -> str:
        """Begin it under a new number, whatever the browser had. The `Set-Cookie` header.

        `duration_s` takes the place of the general one.
        """
        await self._sweep()
        await self._end_of_browser(cookie_header)
        number = secrets.token_urlsafe(32)
        moment = self._now().timestamp()
        lasts = duration_s or self._lifetimes.session_s
        begun = replace(session, key=_key(number), started=moment, used=moment, ends=moment + lasts)
        await self._records.put(COLLECTION, begun.key, asdict(begun), expect=0)
        return self._cookies.set(number, max_age_s=lasts)

    async def of_user(self, user: str) -> Sequence[Session]:
        """Those that have not ended, newest first."""
        return await self._where({"user": user})

    async def end(self, key: str) -> bool:
        """Whether there was one."""
        ended = await self._records.delete(COLLECTION, key)
        if ended:
            await self.changed()
        return ended

    async def end_of_user(self, user: str) -> int:
        """How many."""
        return await self._end_all(await self._where({"user": user}))

    async def end_by_sid(self, provider: str, sid: str) -> int:
        """Those of one session at the provider; how many."""
        return await self._end_all(await self._where({"provider": provider, "sid": sid}))

    async def end_by_subject(self, provider: str, subject: str) -> int:
        """Those of one user of the provider; how many."""
        return await self._end_all(await self._where({"provider": provider, "subject": subject}))

    async def changed(self) -> None:
        """A session or a user is no longer what it was: every process reads anew."""
        self._known.clear()
        await self._records.put(*_STATE, {})

    def cleared(self) -> str:
        """The `Set-Cookie` header for a browser whose session has ended."""
        return self._cookies.clear()

    async def _current(self, cookie_header: str | None) -> _Known | None:
        number = self._cookies.read(cookie_header)
        if number is None:
            return None
        moment = self._now().timestamp()
        if not 0 <= moment - self._followed < _FOLLOW_S:
            await self._follow(moment)
        key = _key(number)
        found = self._known.get(key)
        if found is None or moment >= found.until:
            found = await self._load(key, moment)
        return found

    async def _follow(self, moment: float) -> None:
        self._followed = moment  # whoever asks meanwhile goes by what is known
        try:
            ended = (await self._records.get(*_STATE)).version
        except NotFoundError:
            ended = 0
        revision = (ended, await self._users.revision())
        if revision != self._revision:
            self._known.clear()
            self._revision = revision

    async def _load(self, key: str, moment: float) -> _Known | None:
        self._known.pop(key, None)
        revision = self._revision
        session = await self._alive(key, moment)
        principal = await self._users.present(session.user, session.epoch) if session else None
        if session is None or principal is None:
            return None
        idle = session.used + self._lifetimes.idle_s
        ends = [session.ends, idle, moment + _FRESH_S]
        if session.renew_at:
            ends.append(session.renew_at)
        found = _Known(session, principal, min(ends))
        if revision == self._revision:  # else it may have ended while it was read
            self._remember(key, found)
        return found

    def _remember(self, key: str, found: _Known) -> None:
        while len(self._known) >= _MOST_CACHED:
            del self._known[next(iter(self._known))]
        self._known[key] = found

    async def _alive(self, key: str, moment: float) -> Session | None:
        try:
            record = await self._records.get(COLLECTION, key)
        except NotFoundError:
            return None
        session = read(record)
        if self._is_over(session, moment):
            await self.end(key)
            return None
        if self.renew and session.renew_at and session.renew_at <= moment:
            return await self.renew(session)
        return await self._touch(record, session, moment)

    async def _touch(self, record: Record, session: Session, moment: float) -> Session | None:
        coarse = min(_TOUCH_S, self._lifetimes.idle_s / 10)
        if moment - session.used < coarse:
            return session
        touched = replace(session, used=moment)
        try:
            await self._records.put(COLLECTION, session.key, asdict(touched), expect=record.version)
        except ConflictError:  # ended, or touched by somebody else
            try:
                return read(await self._records.get(COLLECTION, session.key))
            except NotFoundError:
                return None
        return touched

    def _is_over(self, session: Session, moment: float) -> bool:
        return moment >= session.ends or moment >= session.used + self._lifetimes.idle_s

    async def _where(self, where: Mapping[str, object]) -> Sequence[Session]:
        moment = self._now().timestamp()
        page = await self._records.find(COLLECTION, where, limit=_MOST_OF_USER)
        found = [read(each) for each in page.items]
        return [each for each in found if not self._is_over(each, moment)]

    async def _end_all(self, sessions: Sequence[Session]) -> int:
        ended = [await self._records.delete(COLLECTION, each.key) for each in sessions]
        if any(ended):
            await self.changed()
        return sum(ended)

    async def _end_of_browser(self, cookie_header: str | None) -> None:
        number = self._cookies.read(cookie_header)
        if number is not None:
            await self.end(_key(number))

    async def _sweep(self) -> None:
        moment = self._now().timestamp()
        if moment - self._swept < _SWEEP_EVERY_S:
            return
        self._swept = moment
        page = await self._records.find(COLLECTION, newest_first=False, limit=_MOST_OF_USER)
        for each in page.items:
            if self._is_over(read(each), moment):
                await self._records.delete(COLLECTION, each.id)


def read(record: Record) -> Session:
    """As it is stored."""
    return replace(Session(**record.document), methods=tuple(record.document["methods"]))


def _key(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()
