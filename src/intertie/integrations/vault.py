"""Secrets of tenants at rest: each tenant has a key of its own, and a master key seals those keys.

A value is bound to its tenant, its name and its purpose: what was sealed for one place opens in no
other. Whoever deletes a tenant's key makes everything of that tenant unreadable, in backups of the
values too.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from intertie.errors import ConflictError, NotFoundError, StoreError
from intertie.identity.sealed import Sealer
from intertie.store import Document, Record, Records

KEYS = "integration_keys"
SECRETS = "integration_secrets"
GRANTS = "integration_grants"
CONSENTS = "integration_consents"
_SEALED = (SECRETS, GRANTS, CONSENTS)
"""Their documents say `tenant`, `name` and `purpose`, and hold `sealed`, which may be empty."""
_SECRET = "secret"  # noqa: S105 - a purpose
_VERSION = "t1"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_OVERLAP_S = 60.0
_ALL = 1_000_000
"""In one look: pages would miss what moves while others delete."""


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    created: float
    key: bytes = field(repr=False)


class Vault:
    """AES-256-GCM under the newest key of a tenant; older ones open until they are retired.

    Nothing is kept in memory: a key that another process rotated or deleted counts at once.
    """

    def __init__(
        self, records: Records, sealer: Sealer, *, clock: Callable[[], float] = time
    ) -> None:
        self._records = records
        self._sealer = sealer
        self._clock = clock

    def __repr__(self) -> str:
        return f"Vault(master={self._sealer.key_id!r})"

    @classmethod
    async def open(
        cls, records: Records, sealer: Sealer | None, *, clock: Callable[[], float] = time
    ) -> Self:
        """Raises StoreError without a master key, and for another one than it was made with."""
        if sealer is None:
            what = "there is no master key; give a file, a secret, a keyring or a vault server"
            raise StoreError(f"cannot keep secrets: {what}")
        vault = cls(records, sealer, clock=clock)
        for record in (await records.find(KEYS, limit=1)).items:
            try:
                vault._opened(record)
            except StoreError:
                what = "its keys were sealed under another master key; bring that one back"
                raise StoreError(f"cannot open the vault: {what}") from None
        return vault

    async def seal(self, tenant: str, name: str, value: bytes, *, purpose: str) -> str:
        """Text that only this tenant's key gives back, for the same name and purpose."""
        newest = (await self._keys(tenant, make=True))[0]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = AESGCM(newest.key).encrypt(nonce, value, _bound(newest.id, tenant, name, purpose))
        return f"{_VERSION}.{newest.id}.{base64.urlsafe_b64encode(nonce + body).decode()}"

    async def unseal(self, tenant: str, name: str, sealed: str, *, purpose: str) -> bytes:
        """What was sealed.

        Raises StoreError if it was changed or moved, NotFoundError if its key is gone.
        """
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        key = next((each for each in await self._keys(tenant) if each.id == key_id), None)
        if key is None:
            raise NotFoundError(f"cannot unseal {name!r} of {tenant}: its key was deleted")
        try:
            if version != _VERSION:
                raise ValueError
            raw = base64.b64decode(body, altchars=b"-_", validate=True)
            bound = _bound(key_id, tenant, name, purpose)
            return AESGCM(key.key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound)
        except (ValueError, binascii.Error, InvalidTag):
            what = "it was changed or belongs elsewhere"
            raise StoreError(f"cannot unseal {name!r} of {tenant}: {what}") from None

    async def put(self, tenant: str, name: str, text: str) -> None:
        """Keep a secret, in place of the one of this name."""
        sealed = await self.seal(tenant, name, text.encode(), purpose=_SECRET)
        document = {"tenant": tenant, "name": name, "purpose": _SECRET, "sealed": sealed}
        await self._records.put(SECRETS, place(tenant, name), document)

    async def get(self, tenant: str, name: str) -> str:
        """A secret. Raises NotFoundError, or StoreError when it cannot be read any more."""
        record = await self._records.get(SECRETS, place(tenant, name))
        value = await self.unseal(tenant, name, record.document["sealed"], purpose=_SECRET)
        return value.decode()

    async def delete(self, tenant: str, name: str) -> bool:
        """Whether there was such a secret."""
        return await self._records.delete(SECRETS, place(tenant, name))

    async def rotate(self, tenant: str) -> str:
        """Give a tenant a new key; the older ones still open. The id of the new one."""
        while True:
            record = await self._key_record(tenant)
            old = [] if record is None else record.document["keys"]
            key = self._made(tenant)
            if await self._put_keys(tenant, [key, *old], record):
                return str(key["id"])

    async def reseal(self, tenant: str) -> int:
        """Put everything of a tenant under its newest key; how many were under an older one."""
        newest = (await self._keys(tenant, make=True))[0].id
        count = 0
        for collection in _SEALED:
            for id in [each.id for each in await self._stale(collection, tenant, newest)]:
                count += await self._reseal_one(collection, id, newest)
        return count

    async def retire(self, tenant: str) -> int:
        """Delete a tenant's older keys, once nothing is under them; how many.

        A key that was the newest less than a minute ago stays: another process may be sealing with
        it at this moment. Raises ConflictError while something is still under an older key.
        """
        record = await self._key_record(tenant)
        rows: list[Document] = [] if record is None else record.document["keys"]
        if not rows:
            return 0
        stale = [
            each for name in _SEALED for each in await self._stale(name, tenant, rows[0]["id"])
        ]
        if stale:
            what = f"{len(stale)} secrets are still sealed under them; reseal first"
            raise ConflictError(f"cannot retire the older keys of {tenant}: {what}")
        before = self._clock() - _OVERLAP_S
        kept = [row for i, row in enumerate(rows) if i == 0 or rows[i - 1]["created"] > before]
        if len(kept) < len(rows) and not await self._put_keys(tenant, kept, record):
            return await self.retire(tenant)
        return len(rows) - len(kept)

    async def reseal_keys(self) -> int:
        """After the master key was rotated: seal the tenants' keys under the newest; how many.

        Values stay as they are. Afterwards the master's older keys may be retired.
        """
        found = await self._records.find(KEYS, newest_first=False, limit=_ALL)
        count = 0
        for record in found.items:
            count += await self._reseal_key(record.id)
        return count

    async def erase(self, tenant: str) -> bool:
        """Delete a tenant's keys first, and then what was sealed; whether it had any keys.

        With its keys gone nothing of it opens any more, wherever copies of the values are.
        A copy of the database from before still has the keys, under the master key of that time:
        rotate the master and retire the old one to make those copies unreadable too.
        """
        had = await self._records.delete(KEYS, tenant)
        for collection in _SEALED:
            found = await self._records.find(collection, {"tenant": tenant}, limit=_ALL)
            for each in found.items:
                await self._records.delete(collection, each.id)
        return had

    async def _keys(self, tenant: str, *, make: bool = False) -> Sequence[_Key]:
        record = await self._key_record(tenant)
        while record is None and make:
            await self._put_keys(tenant, [self._made(tenant)], None)
            record = await self._key_record(tenant)
        return [] if record is None else self._opened(record)

    async def _key_record(self, tenant: str) -> Record | None:
        try:
            return await self._records.get(KEYS, tenant)
        except NotFoundError:
            return None

    async def _put_keys(self, tenant: str, keys: Sequence[Document], record: Record | None) -> bool:
        document = {"tenant": tenant, "keys": list(keys)}
        expect = 0 if record is None else record.version
        try:
            await self._records.put(KEYS, tenant, document, expect=expect)
        except ConflictError:
            return False
        return True

    def _made(self, tenant: str) -> Document:
        id = secrets.token_hex(4)
        sealed = self._sealer.seal(secrets.token_bytes(_KEY_BYTES), purpose=_of(tenant, id))
        return {"id": id, "created": self._clock(), "sealed": sealed}

    def _opened(self, record: Record) -> list[_Key]:
        tenant, unseal = record.id, self._sealer.unseal
        return [
            _Key(row["id"], row["created"], unseal(row["sealed"], purpose=_of(tenant, row["id"])))
            for row in record.document["keys"]
        ]

    async def _reseal_key(self, tenant: str) -> int:
        while (record := await self._key_record(tenant)) is not None:
            rows = record.document["keys"]
            if not any(self._sealer.stale(row["sealed"]) for row in rows):
                return 0
            new = [
                {
                    **row,
                    "sealed": self._sealer.reseal(row["sealed"], purpose=_of(tenant, row["id"])),
                }
                for row in rows
            ]
            if await self._put_keys(tenant, new, record):
                return 1
        return 0

    async def _stale(self, collection: str, tenant: str, newest: str) -> list[Record]:
        found = await self._records.find(collection, {"tenant": tenant}, limit=_ALL)
        return [each for each in found.items if _is_stale(each.document, newest)]

    async def _reseal_one(self, collection: str, id: str, newest: str) -> int:
        while True:
            try:
                record = await self._records.get(collection, id)
                told = record.document
                if not _is_stale(told, newest):
                    return 0
                tenant, name, purpose = told["tenant"], told["name"], told["purpose"]
                value = await self.unseal(tenant, name, told["sealed"], purpose=purpose)
                sealed = await self.seal(tenant, name, value, purpose=purpose)
                new = {**told, "sealed": sealed}
                await self._records.put(collection, id, new, expect=record.version)
                return 1
            except NotFoundError:
                return 0
            except ConflictError:
                continue


def place(tenant: str, name: str) -> str:
    """The id of what belongs to a tenant: no two pairs have the same."""
    return json.dumps([tenant, name], ensure_ascii=False, separators=(",", ":"))


def _is_stale(told: Mapping[str, object], newest: str) -> bool:
    sealed = str(told["sealed"])
    return bool(sealed) and not sealed.startswith(f"{_VERSION}.{newest}.")


def _of(tenant: str, key_id: str) -> str:
    return f"integration-key:{key_id}:{tenant}"


def _bound(key_id: str, tenant: str, name: str, purpose: str) -> bytes:
    return json.dumps([_VERSION, key_id, tenant, name, purpose]).encode()
