"""Access tokens for all connections: people grant, we renew, all processes have the same."""

import logging
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from random import uniform
from typing import Any
from weakref import WeakKeyDictionary

from anyio import Event, fail_after

from intertie.errors import ConflictError, IntertieError, StoreError
from intertie.integrations.base import BaseIntegration
from intertie.integrations.connector import Connector
from intertie.integrations.credentials import OAuth2
from intertie.integrations.errors import IntegrationError, InvalidError
from intertie.integrations.grant_record import Grant, GrantBook
from intertie.integrations.grant_renewal import Draw, Ready, Renewal, Worn
from intertie.integrations.oauth import Tokens, Told, ask, form_of_code, give_back, read
from intertie.integrations.oauth_consent import Consents, check_time
from intertie.integrations.vault import Vault
from intertie.store import Records

log = logging.getLogger(__name__)

Find = Callable[[str, str], BaseIntegration | None]
"""A connection by its name and its tenant, such as `IntegrationRegistry.get`."""
_ASK_S = 20.0


@dataclass(frozen=True, slots=True)
class GrantState:
    """What may be shown of a grant. Times are seconds since 1970."""

    granted_at: float
    renewed_at: float
    expires_at: float | None
    """Of the access token; None where the vendor does not say."""
    scopes: frozenset[str] | None
    by: str
    """`consent` of a person, or `mint`: the program for itself."""
    renewable: bool
    dead: str
    """Why only a person helps; empty while it lives."""
    failures: int
    trouble: str
    """Of the last renewal, if it failed."""
    retry_at: float


@dataclass(slots=True)
class _Flight:
    """One look for a token; others who want the same wait for it."""

    landed: Event = field(default_factory=Event)
    access: str = field(default="", repr=False)
    fault: IntertieError | None = None


class GrantDesk:
    """See `Grants`. One for each process; they share the records."""

    def __init__(
        self,
        records: Records,
        vault: Vault,
        *,
        lease_s: float = 30.0,
        draw: Draw = uniform,  # noqa: S311 - no secret
    ) -> None:
        """`lease_s`: after so long another process takes over from one that died."""
        self._book = GrantBook(records, vault)
        self._consents = Consents(records, vault)
        self._renewal = Renewal(self._book, lease_s=lease_s, draw=draw)
        # Of connections and not of labels: one that is registered anew may have other settings.
        self._ready = WeakKeyDictionary[Connector, Ready]()
        self._refused = WeakKeyDictionary[Connector, str]()
        self._flights: dict[str, _Flight] = {}

    def __repr__(self) -> str:
        return f"GrantDesk({len(self._ready)} held)"

    def held(self, connection: Connector) -> str | None:
        """See Grants."""
        ready = self._ready.get(connection)
        if ready is None or connection.tools.clock() >= ready.look_at:
            return None
        return ready.access

    async def token(self, connection: Connector, auth: OAuth2) -> str:
        """See Grants. However many ask at once, one looks."""
        label = connection.label
        while (flight := self._flights.get(label)) is not None:
            await flight.landed.wait()
            if flight.fault is not None:
                raise copy(flight.fault)
            if flight.access and flight.access != self._refused.get(connection):
                return flight.access
        flight = self._flights[label] = _Flight()
        try:
            flight.access = await self._look(connection, auth)
        except IntertieError as exc:
            flight.fault = exc
            raise
        finally:
            del self._flights[label]
            flight.landed.set()
        return flight.access

    async def refused(self, connection: Connector, token: str) -> None:
        """See Grants. Where another token is at hand by now, that one is the next."""
        ready = self._ready.get(connection)
        if ready is not None and ready.access == token:
            del self._ready[connection]
            self._refused[connection] = token

    def scopes(self, connection: Connector) -> frozenset[str] | None:
        """See Grants. None until the first token was used, or `load` called."""
        ready = self._ready.get(connection)
        return None if ready is None else ready.scopes

    async def load(self, connection: Connector) -> bool:
        """Bring what is stored into memory, without asking the vendor; whether there was any."""
        grant = await self._book.read(connection)
        if grant is None or not grant.access or grant.dead:
            return False
        self._ready[connection] = self._renewal.ready(grant, oauth_of(connection))
        return True

    async def begin(
        self,
        connection: Connector,
        redirect_uri: str,
        *,
        session: str = "",
        scopes: Sequence[str] | None = None,
    ) -> str:
        """Where a person gives consent; the vendor sends them to `redirect_uri` afterwards.

        `session` names the person's browser session: `finish` must be told the same, so that
        nobody is made to finish what another began. Raises InvalidError.
        """
        auth = oauth_of(connection)
        return await self._consents.begin(
            connection, auth, redirect_uri=redirect_uri, session=session, scopes=scopes
        )

    async def finish(self, state: str, code: str, *, find: Find, session: str = "") -> str:
        """The label of the connection whose grant it was, now stored.

        Raises InvalidError for a state that is not good (any more), AuthExpiredError for a code
        that the vendor does not take; a grant from before is left as it is then.
        """
        consent = await self._consents.take(state, session=session)
        connection = find(consent.name, consent.tenant)
        if not isinstance(connection, Connector):
            label = f"{consent.tenant}/{consent.name}"
            raise InvalidError(f"cannot finish the log-in: {label} is not there any more")
        check_time(consent, connection)
        auth = oauth_of(connection)
        form = form_of_code(auth, code, consent.redirect_uri, consent.verifier)
        try:
            # Codes are good once: an answer must not be lost with a browser that went away.
            with fail_after(_ASK_S * 2, shield=True):
                asked_at = connection.tools.clock()
                tokens = await ask(connection, auth, form, timeout_s=_ASK_S)
                scopes = tokens.scopes or frozenset(consent.scopes) or None
                await self._keep(connection, replace(tokens, scopes=scopes), asked_at)
        except TimeoutError:
            what = "the records did not take it in time"
            raise StoreError(f"cannot keep the grant of {connection.label}: {what}") from None
        return connection.label

    async def store(self, connection: Connector, answer: Told) -> None:
        """Take over what a token endpoint answered elsewhere, in place of the grant there was.

        `access_token`, and where there are: `refresh_token`, `expires_in`, `scope`.
        """
        await self._keep(connection, read(connection, answer), connection.tools.clock())

    async def revoke(self, connection: Connector) -> bool:
        """Give the grant back and forget it; whether the vendor took notice.

        Another process may use the access token that it holds until the vendor refuses it.
        """
        auth = oauth_of(connection)
        grant = await self._book.read(connection)
        await self._book.delete(connection)
        self._forget(connection)
        if grant is None or not auth.revoke or not (grant.refresh or grant.access):
            return False
        try:
            return await give_back(
                connection, auth, refresh=grant.refresh, access=grant.access, timeout_s=_ASK_S
            )
        except IntegrationError as exc:
            extra = {"integration": connection.label, "why": str(exc)}
            log.warning("grant not given back", extra=extra)
            return False

    async def state(self, connection: Connector) -> GrantState | None:
        """What is stored now; None without a grant."""
        grant = await self._book.read(connection)
        if grant is None:
            return None
        return GrantState(
            grant.granted_at,
            grant.renewed_at,
            grant.expires_at,
            grant.scopes,
            grant.kind,
            grant.kind == "mint" or bool(grant.refresh),
            grant.dead,
            grant.failures,
            grant.trouble,
            grant.retry_at,
        )

    async def _look(self, connection: Connector, auth: OAuth2) -> str:
        ready = self._ready.get(connection)
        if ready is not None and connection.tools.clock() < ready.look_at:
            return ready.access
        early = "" if ready is None else ready.access
        worn = Worn(refused=self._refused.get(connection, ""), early=early)
        found = await self._renewal.current(connection, auth, worn)
        self._ready[connection] = found
        if found.access != worn.refused:
            self._refused.pop(connection, None)
        return found.access

    async def _keep(self, connection: Connector, tokens: Tokens, asked_at: float) -> None:
        tenant, name = connection.tenant, connection.config.name
        while True:
            there = await self._book.read(connection)
            version = 0 if there is None else there.version
            blank = Grant(tenant, name, "consent", version=version)
            try:
                grant = await self._book.write_tokens(blank.with_tokens(tokens, asked_at=asked_at))
            except ConflictError:
                continue
            break
        self._forget(connection)
        self._ready[connection] = self._renewal.ready(grant, oauth_of(connection))
        log.info("grant stored", extra={"integration": connection.label})

    def _forget(self, connection: Connector) -> None:
        self._ready.pop(connection, None)
        self._refused.pop(connection, None)


def oauth_of(connection: Connector) -> OAuth2:
    """How it logs in. Raises InvalidError when that is another way than OAuth 2.0."""
    auth: Any = connection.auth
    if not isinstance(auth, OAuth2):
        what = "it does not log in by OAuth 2.0"
        raise InvalidError(f"cannot connect {connection.label}: {what}")
    return auth
