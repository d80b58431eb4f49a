"""The users and keys of a suite, opened by the daemon and by the door beside Envoy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from intertie.app.credentials import Credentials
from intertie.app.described import Described
from intertie.app.identity import DoorSettings
from intertie.control.identity_desk import Opened
from intertie.control.openapi import Imports
from intertie.gateway.authz.herald import Herald
from intertie.identity.identities import Identities, Terms
from intertie.identity.passkeys import RelyingParty
from intertie.identity.tokens.revocation import Revocations
from intertie.runtime.folder import StateFolder
from intertie.store import Records
from intertie.store.sqlite import SqliteRecords

__all__ = [
    "Credentials",
    "Described",
    "Herald",
    "Imports",
    "Opened",
    "Revocations",
    "open_identities",
]

_DATABASE = "identity.db"


@asynccontextmanager
async def open_identities(
    folder: StateFolder, settings: DoorSettings
) -> AsyncIterator[tuple[Identities, Records]]:
    """Raises StoreError."""
    folder.identity.mkdir(mode=0o700, exist_ok=True)
    host = urlsplit(settings.public_url).hostname or ""
    party = RelyingParty(host, "Intertie", (settings.public_url,))
    terms = Terms.of(settings.identity, settings.tenants, party=party)
    async with (
        SqliteRecords.open(folder.identity / _DATABASE) as records,
        Identities.open(folder.identity, records, terms) as identities,
    ):
        yield identities, records
