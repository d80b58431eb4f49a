"""Consents that are under way: a person was sent to the vendor and comes back with a code."""

import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

from intertie.errors import NotFoundError
from intertie.integrations.connector import Connector
from intertie.integrations.credentials import OAuth2
from intertie.integrations.errors import InvalidError
from intertie.integrations.master import is_loopback
from intertie.integrations.oauth import consent_page, new_verifier, wanted
from intertie.integrations.vault import CONSENTS, Vault
from intertie.store import Record, Records

_PURPOSE = "consent"
_GOOD_FOR_S = 600.0
_ALL = 1000
_CANNOT = "cannot finish the log-in: it is unknown, finished already or too old; start anew"


@dataclass(frozen=True, slots=True)
class Consent:
    """What was remembered when the person left."""

    tenant: str
    name: str
    until: float
    redirect_uri: str
    scopes: tuple[str, ...]
    verifier: str = field(repr=False)


class Consents:
    """Each has a state that nobody can guess, which is good once, for ten minutes."""

    def __init__(self, records: Records, vault: Vault) -> None:
        self._records = records
        self._vault = vault

    async def begin(
        self,
        connection: Connector,
        auth: OAuth2,
        *,
        redirect_uri: str,
        session: str,
        scopes: Sequence[str] | None,
    ) -> str:
        """The address to send the person to. Raises InvalidError."""
        _check(connection, auth, redirect_uri)
        await self._sweep(connection)
        scopes = wanted(connection, auth) if scopes is None else scopes
        state, verifier = secrets.token_urlsafe(32), new_verifier()
        kept = {
            "state": state,
            "verifier": verifier,
            "redirect_uri": redirect_uri,
            "scopes": list(scopes),
            "session": session,
        }
        tenant, name = connection.tenant, connection.config.name
        sealed = await self._vault.seal(tenant, name, json.dumps(kept).encode(), purpose=_PURPOSE)
        document = {
            "tenant": tenant,
            "name": name,
            "purpose": _PURPOSE,
            "sealed": sealed,
            "until": connection.tools.clock() + _GOOD_FOR_S,
        }
        await self._records.put(CONSENTS, _id(state), document, expect=0)
        return consent_page(
            connection,
            auth,
            redirect_uri=redirect_uri,
            state=state,
            verifier=verifier,
            scopes=scopes,
        )

    async def take(self, state: str, *, session: str) -> Consent:
        """Of a state that came back: nobody gets it twice. Raises InvalidError."""
        try:
            record = await self._records.get(CONSENTS, _id(state))
        except NotFoundError:
            raise InvalidError(_CANNOT) from None
        # Of two that come with the same state, one deletes it.
        if not await self._records.delete(CONSENTS, record.id):
            raise InvalidError(_CANNOT)
        return await self._opened(record, state, session)

    async def _opened(self, record: Record, state: str, session: str) -> Consent:
        told = record.document
        tenant, name = told["tenant"], told["name"]
        kept = json.loads(await self._vault.unseal(tenant, name, told["sealed"], purpose=_PURPOSE))
        same = hmac.compare_digest(kept["state"].encode(), state.encode())
        same &= hmac.compare_digest(kept["session"].encode(), session.encode())
        if not same:
            raise InvalidError(_CANNOT)
        scopes = tuple(kept["scopes"])
        return Consent(tenant, name, told["until"], kept["redirect_uri"], scopes, kept["verifier"])

    async def _sweep(self, connection: Connector) -> None:
        """Those that nobody came back with."""
        mine = {"tenant": connection.tenant, "name": connection.config.name}
        now = connection.tools.clock()
        for each in (await self._records.find(CONSENTS, mine, limit=_ALL)).items:
            if each.document["until"] < now:
                await self._records.delete(CONSENTS, each.id)


def check_time(consent: Consent, connection: Connector) -> None:
    """Raises InvalidError when it took too long."""
    if connection.tools.clock() > consent.until:
        raise InvalidError(_CANNOT)


def _check(connection: Connector, auth: OAuth2, redirect_uri: str) -> None:
    if not auth.authorize:
        what = f"{connection.kind} has no consent page; the program gets tokens for itself"
        raise InvalidError(f"cannot ask for consent for {connection.label}: {what}")
    parts = urlsplit(redirect_uri)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        what = f"{redirect_uri[:200]!r} would get the code in clear; use https"
        raise InvalidError(f"cannot ask for consent for {connection.label}: {what}")


def _id(state: str) -> str:
    """The state itself is not stored where it could be read."""
    return sha256(state.encode()).hexdigest()
