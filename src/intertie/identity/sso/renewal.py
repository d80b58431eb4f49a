"""Renews logins at their provider, one at a time for each session, whatever asks for it."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from anyio import Event, move_on_after, sleep

from intertie.errors import AccessDeniedError, ConflictError, NotFoundError
from intertie.identity.sealed import Sealer
from intertie.identity.sso import ProviderError
from intertie.identity.sso.oidc import Login, Tokens
from intertie.identity.sso.sealing import open_json, seal_json
from intertie.identity.sso.sessions import COLLECTION, Session, Sessions, read
from intertie.store import Record, Records

_LEASE_S = 30.0
_PATIENCE_S = 25.0
_POLL_S = 0.05
_LATER_S = 30.0
_EARLY = 0.9
"""A login is renewed when so much of the provider's time is over."""
_SHORTEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Held:
    """The provider's tokens of a session."""

    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)


def seal_tokens(sealer: Sealer, tokens: Tokens, subject: str) -> str:
    """As a session keeps them."""
    held = {"id_token": tokens.id_token, "refresh_token": tokens.refresh_token}
    return seal_json(sealer, held, f"sso tokens {subject}")


def open_tokens(sealer: Sealer, session: Session) -> Held:
    """Empty when there are none, or they can no longer be opened."""
    found = open_json(sealer, session.tokens, f"sso tokens {session.subject}")
    return Held(**found) if found else Held()


def renew_at(tokens: Tokens, moment: float) -> float:
    """When it is time to ask again; 0 is never."""
    if not tokens.refresh_token or not tokens.lasts_s:
        return 0.0
    return moment + max(_SHORTEST_S, tokens.lasts_s * _EARLY)


Ask = Callable[[Session, str], Awaitable[Login]]
"""Asks a session's provider with a refresh token, and sees to the person's groups."""


class Renewals:
    """What `Sessions.renew` is. Rotating refresh tokens are shown once, also by two processes."""

    def __init__(
        self,
        records: Records,
        sessions: Sessions,
        ask: Ask,
        *,
        sealer: Sealer,
        now: Callable[[], datetime],
    ) -> None:
        self._records = records
        self._sessions = sessions
        self._ask = ask
        self._sealer = sealer
        self._now = now
        self._running: dict[str, Event] = {}

    async def renew(self, session: Session) -> Session | None:
        """The session as it goes on; None when it has ended."""
        running = self._running.get(session.key)
        if running is not None:
            with move_on_after(_PATIENCE_S):
                await running.wait()
            return await self._stored(session.key)
        done = self._running[session.key] = Event()
        try:
            # A browser that goes away must not lose the new token with it.
            with move_on_after(_LEASE_S, shield=True):
                return await self._renew_alone(session.key)
            return await self._stored(session.key)
        finally:
            del self._running[session.key]
            done.set()

    async def _renew_alone(self, key: str) -> Session | None:
        """Alone in this process; another one may be at it."""
        with move_on_after(_PATIENCE_S):
            while True:
                record = await self._record(key)
                if record is None:
                    return None
                session, moment = read(record), self._now().timestamp()
                if session.renew_at > moment:
                    return session
                if session.leased <= moment and await self._lease(record, session, moment):
                    return await self._ask_provider(session)
                await sleep(_POLL_S)
        return await self._stored(key)

    async def _lease(self, record: Record, session: Session, moment: float) -> bool:
        leased = replace(session, leased=moment + _LEASE_S)
        try:
            await self._records.put(COLLECTION, session.key, asdict(leased), expect=record.version)
        except ConflictError:
            return False
        return True

    async def _ask_provider(self, session: Session) -> Session | None:
        held = open_tokens(self._sealer, session)
        moment = self._now().timestamp()
        try:
            login = await self._ask(session, held.refresh_token)
        except AccessDeniedError:
            await self._sessions.end(session.key)
            return None
        except ProviderError:
            return await self._keep(session.key, renew_at=moment + _LATER_S)
        return await self._keep(
            session.key,
            tokens=seal_tokens(self._sealer, login.tokens, session.subject),
            renew_at=renew_at(login.tokens, moment),
            used=moment,
        )

    async def _keep(
        self, key: str, *, renew_at: float, tokens: str | None = None, used: float | None = None
    ) -> Session | None:
        while (record := await self._record(key)) is not None:
            session = read(record)
            kept = replace(
                session,
                leased=0.0,
                renew_at=renew_at,
                tokens=session.tokens if tokens is None else tokens,
                used=session.used if used is None else used,
            )
            try:
                await self._records.put(COLLECTION, key, asdict(kept), expect=record.version)
            except ConflictError:
                continue
            return kept
        return None

    async def _stored(self, key: str) -> Session | None:
        record = await self._record(key)
        return read(record) if record else None

    async def _record(self, key: str) -> Record | None:
        try:
            return await self._records.get(COLLECTION, key)
        except NotFoundError:
            return None
