"""How a token is renewed by one of many processes, of which any may be killed at any moment.

The record of the grant says who renews (a lease, taken by comparing versions) and with which
refresh token (an intent), and both are on the disk before the vendor is asked. The answer is saved
in the same write that ends the lease. A process that dies before this write leaves its intent;
after the lease has run out the next one asks again with the same refresh token. Vendors that change
refresh tokens take the last one until the new one is used, just because answers get lost; at a
vendor that does not, the grant is lost if a process dies between the vendor's answer and our
write, and the error says so.

Clocks of several machines must agree to within a few seconds, for a lease ends by the clock.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from random import uniform

from anyio import fail_after

from intertie.errors import ConflictError, StoreError
from intertie.integrations.connector import Connector
from intertie.integrations.credentials import OAuth2
from intertie.integrations.errors import (
    AuthExpiredError,
    IntegrationError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.grant_record import Grant, GrantBook
from intertie.integrations.oauth import (
    GrantEndedError,
    Tokens,
    ask,
    form_for_itself,
    form_of_refresh,
    mints,
)

log = logging.getLogger(__name__)

Draw = Callable[[float, float], float]
_FORCED_S = 60.0
"""A token that was renewed because of a refusal is not renewed for another one sooner."""
_JITTER = 0.1
_OF_LIFETIME = 0.25
"""No margin is more of a token's life than this."""
_FIRST_REST_S = 2.0
_LONGEST_REST_S = 300.0
_FIRST_POLL_S = 0.02
_LONGEST_POLL_S = 0.5
_SOON_S = 1.0
_SAVES = 4
_SAVE_S = 30.0


@dataclass(frozen=True, slots=True)
class Ready:
    """A token to be used, and until when without another look at the record."""

    access: str = field(repr=False)
    look_at: float
    scopes: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Worn:
    """Tokens of this process that are not to be used any more."""

    refused: str = field(default="", repr=False)
    """By the vendor."""
    early: str = field(default="", repr=False)
    """Before its margin begins, so that not all are renewed at once."""


class Renewal:
    """Gets a good token: from the record, or from the vendor if nobody else is at it."""

    def __init__(self, book: GrantBook, *, lease_s: float = 30.0, draw: Draw = uniform) -> None:  # noqa: S311 - no secret
        self._book = book
        self._lease_s = lease_s
        self._ask_s = lease_s * 2 / 3
        self._wait_s = lease_s * 2
        self._draw = draw
        self._owner = secrets.token_hex(8)

    async def current(self, connection: Connector, auth: OAuth2, worn: Worn) -> Ready:
        """A token that is good for a while, or is still good while there is no better one.

        Raises AuthExpiredError, ThrottledError, VendorDownError, StoreError.
        """
        tools = connection.tools
        began, pause_s = tools.steady(), _FIRST_POLL_S
        while True:
            now = tools.clock()
            grant = await self._read(connection, auth)
            ready = self._as_it_is(grant, auth, worn, now)
            if ready is not None:
                return ready
            _raise_if_hopeless(grant, now)
            if not self._taken(grant, now):
                ready = await self._renew(connection, auth, grant, worn)
                if ready is not None:
                    return ready
            elif tools.steady() - began > self._wait_s:
                raise VendorTimeoutError(
                    f"cannot renew the token of {connection.label}: another process is at it for"
                    f" {self._wait_s:.0f} s"
                )
            else:
                await tools.sleep(self._draw(pause_s / 2, pause_s))
                pause_s = min(pause_s * 1.5, _LONGEST_POLL_S)

    async def _read(self, connection: Connector, auth: OAuth2) -> Grant:
        """As stored, or a new one for the program itself; raises where a person is wanted."""
        grant, minting = await self._book.read(connection), mints(connection, auth)
        if grant is not None and (minting or grant.kind == "consent"):
            return grant
        if not minting:
            raise _dead(connection.label, "nobody has given consent")
        return Grant(connection.tenant, connection.config.name, "mint")

    def ready(self, grant: Grant, auth: OAuth2) -> Ready:
        """With some jitter, so that the tokens of a thousand connections do not end together."""
        if grant.expires_at is None:
            return Ready(grant.access, inf, grant.scopes)
        margin_s = _margin_s(grant, auth) * (1 + self._draw(0, _JITTER))
        return Ready(grant.access, grant.expires_at - margin_s, grant.scopes)

    def _as_it_is(self, grant: Grant, auth: OAuth2, worn: Worn, now: float) -> Ready | None:
        """Without renewing it; None when it has to be."""
        refused = grant.access == worn.refused and now - grant.forced_at > _FORCED_S
        if refused or not grant.lives(now):
            return None
        fresh = now < _end(grant) - _margin_s(grant, auth) and grant.access != worn.early
        return self.ready(grant, auth) if fresh else self._for_now(grant, now)

    def _for_now(self, grant: Grant, now: float) -> Ready | None:
        """It is to be renewed, but there is time; None when that can be done now."""
        until = 0.0
        if grant.dead or not _renewable(grant):
            until = inf
        elif grant.resting(now):
            until = grant.retry_at
        elif self._taken(grant, now):
            until = now + _SOON_S
        return Ready(grant.access, min(until, _end(grant)), grant.scopes) if until else None

    def _taken(self, grant: Grant, now: float) -> bool:
        return grant.owner not in {"", self._owner} and now < grant.until

    async def _renew(
        self, connection: Connector, auth: OAuth2, grant: Grant, worn: Worn
    ) -> Ready | None:
        """None when the record has changed meanwhile."""
        cut_off = grant.intent_of == grant.edition and bool(grant.intent_at)
        try:
            # A cancelled caller must not lose an answer that the vendor has given already.
            with fail_after(self._lease_s + _SAVE_S, shield=True):
                grant = await self._lease(connection, grant)
                try:
                    tokens, asked_at = await self._ask(connection, auth, grant)
                except IntegrationError as exc:
                    if isinstance(exc, GrantEndedError) and grant.kind == "consent":
                        await self._ended(connection, grant, exc, cut_off=cut_off)
                        return None
                    return await self._failed(connection, grant, worn, exc)
                forced = grant.access == worn.refused
                new = grant.with_tokens(tokens, asked_at=asked_at, forced=forced)
                saved = await self._save(connection, grant, new)
        except ConflictError:
            return None
        except TimeoutError:
            what = "the records did not take it in time"
            raise StoreError(f"cannot renew the token of {connection.label}: {what}") from None
        return None if saved is None else self.ready(saved, auth)

    async def _lease(self, connection: Connector, grant: Grant) -> Grant:
        """Ours, and the intent on the disk. Raises ConflictError: somebody else was first."""
        now = connection.tools.clock()
        return await self._book.write(
            replace(
                grant,
                owner=self._owner,
                until=now + self._lease_s,
                intent_at=now,
                intent_of=grant.edition,
            )
        )

    async def _ask(self, connection: Connector, auth: OAuth2, grant: Grant) -> tuple[Tokens, float]:
        asked_at = connection.tools.clock()
        minted = grant.kind == "mint"
        form = form_for_itself(connection, auth) if minted else form_of_refresh(grant.refresh)
        return await ask(connection, auth, form, timeout_s=self._ask_s), asked_at

    async def _save(self, connection: Connector, old: Grant, new: Grant) -> Grant | None:
        """None when other tokens were saved since: those count.

        A mark of death is written over: who made it did not have the answer that we have.
        """
        for left in reversed(range(_SAVES)):
            try:
                there = await self._book.read(connection)
                if there is None or there.edition != old.edition:
                    return None
                saved = await self._book.write_tokens(replace(new, version=there.version))
            except ConflictError:
                continue
            except StoreError:
                if not left:
                    raise
                await connection.tools.sleep(_FIRST_POLL_S)
            else:
                log.info("token renewed", extra={"integration": connection.label})
                return saved
        return None

    async def _ended(
        self, connection: Connector, grant: Grant, exc: GrantEndedError, *, cut_off: bool
    ) -> None:
        """The vendor does not know the refresh token: is that ours to say?"""
        there = await self._book.read(connection)
        if there is None or there.edition != grant.edition or there.owner != self._owner:
            return
        why = str(exc).partition(": ")[2] or "the vendor ended it"
        if cut_off:
            why = f"{why}; an earlier renewal was cut off before its answer was saved"
        await self._book.write(replace(there, owner="", until=0.0, dead=why))
        log.warning("grant ended", extra={"integration": connection.label, "reason": why})

    async def _failed(
        self, connection: Connector, grant: Grant, worn: Worn, exc: IntegrationError
    ) -> Ready:
        now = connection.tools.clock()
        there = await self._book.read(connection)
        if there is not None and there.edition == grant.edition and there.owner == self._owner:
            rest_s = min(_FIRST_REST_S * 2.0**grant.failures, _LONGEST_REST_S)
            rest_s = max(self._draw(rest_s / 2, rest_s), min(exc.retry_after_s or 0, 3600.0))
            grant = replace(
                there,
                owner="",
                until=0.0,
                failures=there.failures + 1,
                retry_at=now + rest_s,
                trouble=str(exc),
                blame=exc.cause,
                intent_at=0.0 if exc.status else there.intent_at,
            )
            await self._book.write(grant)
        if not grant.lives(now) or grant.access == worn.refused:
            raise exc
        log.warning("token not renewed", extra={"integration": connection.label, "why": str(exc)})
        return Ready(grant.access, min(grant.retry_at, _end(grant)), grant.scopes)


def _end(grant: Grant) -> float:
    return inf if grant.expires_at is None else grant.expires_at


def _margin_s(grant: Grant, auth: OAuth2) -> float:
    return min(auth.margin_s, (grant.lifetime_s or inf) * _OF_LIFETIME)


def _renewable(grant: Grant) -> bool:
    return grant.kind == "mint" or bool(grant.refresh)


def _raise_if_hopeless(grant: Grant, now: float) -> None:
    if grant.dead:
        raise _dead(grant.label, grant.dead)
    if not _renewable(grant):
        raise _dead(grant.label, "its token ended, and the vendor gave none to renew it with")
    if grant.resting(now):
        wait_s = grant.retry_at - now
        what = f"{grant.trouble}; the next try is in {wait_s:.1f} s"
        kind = AuthExpiredError if grant.blame == "auth" else VendorDownError
        raise kind(what, retry_after_s=wait_s)


def _dead(label: str, why: str) -> AuthExpiredError:
    cure = f"run: intertie integrations connect {label}"
    return AuthExpiredError(f"cannot log in as {label}: {why}; {cure}")
