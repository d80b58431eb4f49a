"""Who shows the management API a token of the suite's issuer, or an API key."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import time
from typing import TYPE_CHECKING, Protocol

from anyio import TASK_STATUS_IGNORED, sleep
from anyio.abc import TaskStatus

from intertie.control.actor import Actor, Reach
from intertie.control.identity_desk import Opened, Rights
from intertie.errors import StoreError
from intertie.identity.principal import Principal
from intertie.runtime.component import Health, Status
from intertie.suite.values import DEFAULT_TENANT

if TYPE_CHECKING:  # its library is large, and needed with the first token only
    from intertie.identity.issuer import Issuer
    from intertie.identity.keytable import KeyTable

log = logging.getLogger(__name__)

READ_SCOPE, WRITE_SCOPE = "api:read", "api:write"
"""What a key or token that has scopes needs beside a role."""
_KEY = "itk_"
_MAX_SHOWN = 16 * 1024
_FOLLOW_S = 0.5


class Who(Protocol):
    """Tells whose credential is in an Authorization header; None is nobody's."""

    def __call__(self, authorization: str, *, address: str) -> Principal | None:
        """`address` is where it was shown from, if that is known."""
        ...

    async def refresh(self) -> None:
        """Know at once what was changed."""
        ...


class Nobody:
    """Where only the management key opens."""

    def __call__(self, authorization: str, *, address: str) -> Principal | None:
        """See Who."""
        return None

    async def refresh(self) -> None:
        """See Who."""


class Callers:
    """All keys in memory, and what was revoked, as of half a second ago at most.

    In a suite without `identity:` there are tokens only, which nobody can revoke.
    """

    def __init__(
        self,
        issuer: "Callable[[], Issuer]",
        audience: Callable[[], str],
        *,
        opened: Opened | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._opened = opened
        self._clock = clock
        self._keys: KeyTable | None = None
        self._trouble = ""
        """Why it is not known what was taken back: until it is, nobody is let in."""

    def __call__(self, authorization: str, *, address: str) -> Principal | None:
        """See Who."""
        scheme, _, shown = authorization.partition(" ")
        text = shown.strip()
        if scheme.lower() != "bearer" or len(text) > _MAX_SHOWN or self._trouble:
            return None
        return self._key(text, address) if text.startswith(_KEY) else self._token(text)

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Follow what any process changes."""
        await self.refresh()
        task_status.started()
        while self._opened is not None:
            await sleep(_FOLLOW_S)
            try:
                await self.refresh()
            except StoreError as exc:
                self._trouble = str(exc)
                log.error("callers are not known", extra={"reason": self._trouble})

    def health(self) -> Health:
        """See Component."""
        return Health(Status.DEGRADED if self._trouble else Status.UP, self._trouble)

    async def refresh(self) -> None:
        """Know at once what was changed. Raises StoreError."""
        if self._opened is None:
            return
        await self._opened.revocations.refresh()
        now = await self._opened.identities.revision()
        if self._keys is None or self._keys.revision != now or not now.settled:
            self._keys = await self._opened.identities.key_table()
        self._trouble = ""

    def _key(self, text: str, address: str) -> Principal | None:
        if self._keys is None:
            return None
        found = self._keys.check(text, address=address, now=self._clock())
        return found if isinstance(found, Principal) else None

    def _token(self, text: str) -> Principal | None:
        if text.count(".") != 2:  # noqa: PLR2004 — RFC 7515, 3.1
            return None
        from intertie.control.signed import claims_of  # noqa: PLC0415

        claims = claims_of(text, self._issuer(), self._audience(), now=self._clock())
        if claims is None or (self._opened and self._opened.revocations.is_revoked(claims)):
            return None
        return principal(claims)


def principal(claims: Mapping[str, object]) -> Principal | None:
    """Whom a token that was verified is for, as the gateway would see it."""
    from intertie.gateway.authz.who import principal_of  # noqa: PLC0415

    told = claims.get("user")
    found = principal_of(told) if isinstance(told, str) else None
    scope = claims.get("scope")
    if found is None or found.scopes or not isinstance(scope, str):
        return found
    return replace(found, scopes=tuple(sorted(set(scope.split()))))


def actor_of(principal: Principal, rights: Rights, *, via: str, address: str) -> Actor:
    """What a principal may do: of a tenant of its own, nothing outside of it."""
    writes = _may(principal, rights.write, WRITE_SCOPE)
    reads = writes or _may(principal, rights.read, READ_SCOPE)
    everywhere = principal.tenant == DEFAULT_TENANT
    return Actor(
        f"{principal.tenant}/{principal.kind}:{principal.name or principal.id}",
        may_read=reads and everywhere,
        may_write=writes and everywhere,
        reach=Reach(reads, writes, None if everywhere else principal.tenant, principal.roles),
        is_known=True,
        via=via,
        address=address,
    )


def _may(principal: Principal, roles: tuple[str, ...], scope: str) -> bool:
    has_role = not set(roles).isdisjoint(principal.roles)
    return has_role and (not principal.scopes or scope in principal.scopes)
