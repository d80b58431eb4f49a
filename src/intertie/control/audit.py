"""The audit trail: who did what, and the proof that nobody changed it since."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from pydantic_core import from_json

from intertie.control.actor import Actor
from intertie.control.identity_desk import IdentityDesk, require_all_tenants
from intertie.identity.audit import Anchor, Audit, Broken, Entry

_SCANNED = 500


@dataclass(frozen=True, slots=True)
class Trail:
    """Which rows; what is empty does not matter."""

    tenant: str | None = None
    actor: str = ""
    target: str = ""
    before: int | None = None
    """Rows older than this one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether every row is as it was written."""

    anchor: Anchor
    """The chain as it ends now: keep it elsewhere, to notice rows that are cut off later."""
    broken: Broken | None


@dataclass(frozen=True, slots=True)
class AuditControl:
    """Reads it; nothing changes a row."""

    desk: IdentityDesk

    async def page(
        self, actor: Actor, wanted: Trail, *, limit: int
    ) -> tuple[Sequence[Entry], int | None]:
        """The newest rows that fit, and `before` of the page after; None when there is none."""
        trail = self.desk.managed_by(actor).identities.audit
        tenant = self.desk.scope(actor, wanted.tenant)
        found: list[Entry] = []
        async for entry in _newest(trail, wanted):
            if not _is_of(entry, tenant):
                continue
            if len(found) == limit:
                return found, found[-1].seq
            found.append(entry)
        return found, None

    async def verify(self, actor: Actor, anchor: str | None = None) -> Verdict:
        """Look at the whole chain; `anchor` is its end from before. Raises StoreError."""
        trail = self.desk.managed_by(actor).identities.audit
        require_all_tenants(actor, "verify the audit trail")
        broken = await trail.verify(Anchor.parse(anchor) if anchor else None)
        return Verdict(await trail.anchor(), broken)

    def export(self, actor: Actor) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Every row that the caller sees, oldest first, as a line of JSON."""
        trail = self.desk.managed_by(actor).identities.audit
        return _export(trail, self.desk.scope(actor, None))


@asynccontextmanager
async def _export(trail: Audit, tenant: str | None) -> AsyncIterator[AsyncIterator[str]]:
    async def lines() -> AsyncIterator[str]:
        async for line in trail.export():
            if tenant is None or str(from_json(line)["target"]).startswith(f"{tenant}/"):
                yield f"{line}\n"

    yield lines()


async def _newest(trail: Audit, wanted: Trail) -> AsyncIterator[Entry]:
    before = wanted.before
    while rows := await trail.page(
        limit=_SCANNED, before=before, actor=wanted.actor, target=wanted.target
    ):
        for row in rows:
            yield row
        before = rows[-1].seq


def _is_of(entry: Entry, tenant: str | None) -> bool:
    # What is done to something names it as `tenant/name`; no tenant has a slash in its name.
    return tenant is None or entry.target.startswith(f"{tenant}/")
