"""Tokens for the gateway."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from intertie.control.actor import Actor
from intertie.control.identity_desk import IdentityDesk
from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.identity.principal import Principal
from intertie.suite.gateway import Gateway
from intertie.suite.values import DEFAULT_TENANT, MAX_DURATION_S

if TYPE_CHECKING:  # its library is large, and needed with the first token only
    from intertie.identity.issuer import Issuer


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token and how long it is good for."""

    access_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """Mints tokens; `gateway` gives the suite's present settings."""

    issuer: "Callable[[], Issuer]"
    gateway: Callable[[], Gateway]
    desk: IdentityDesk = field(default_factory=IdentityDesk)

    def mint(
        self,
        actor: Actor,
        subject: str,
        *,
        roles: Sequence[str],
        ttl_s: float | None,
        tenant: str = DEFAULT_TENANT,
    ) -> Token:
        """A token for `subject`; `ttl_s` None means the suite's `token_expiry`."""
        actor.require_write()
        if tenant != DEFAULT_TENANT and tenant not in self.desk.tenants:
            raise NotFoundError(f"cannot make a token: there is no tenant {tenant[:80]!r}")
        principal = Principal("user", subject, tenant, roles=tuple(sorted(set(roles))))
        return self._mint(principal, ttl_s)

    async def mint_for_user(
        self, actor: Actor, login: str, *, ttl_s: float | None, tenant: str = DEFAULT_TENANT
    ) -> Token:
        """A token as the user would get by logging in. Raises NotFoundError, ConflictError."""
        actor.require_write()
        users = self.desk.managed_by(actor).identities.users
        user = await users.by_login(login, tenant=self.desk.home(actor, tenant))
        if user is None:
            raise NotFoundError(
                f"cannot make a token: there is no user {login[:80]!r} in {tenant!r}"
            )
        if not user.enabled:
            raise ConflictError(f"cannot make a token: user {login[:80]!r} is disabled")
        return self._mint(users.principal(user), ttl_s)

    async def revoke(self, actor: Actor, text: str) -> str:
        """A token of ours, or the `jti` of one, is no longer good at the gateway; its `jti`."""
        actor.require_write()
        opened = self.desk.managed_by(actor)
        id, tenant, expires_at = self._named(text)
        await opened.revocations.revoke_token(id, expires_at=expires_at)
        trail = opened.identities.audit
        await trail.append(actor.author, "token.revoke", target=f"{tenant}/{id}")
        return id

    async def replace_keys(self, actor: Actor) -> str:
        """After a leak: no token made so far is good any more; the id of the key from now on."""
        actor.require_write()
        opened = self.desk.managed_by(actor)
        issuer = self.issuer()
        issuer.replace_keys(self.desk.now())
        id = str(issuer.jwks()["keys"][0]["kid"])
        await opened.identities.audit.append(actor.author, "token.replace-keys", target=id)
        return id

    def _named(self, text: str) -> tuple[str, str, float]:
        """Its `jti`, its tenant and its end; those of a `jti` alone nobody knows."""
        if "." not in text:
            return text, DEFAULT_TENANT, self.desk.now().timestamp() + MAX_DURATION_S
        from intertie.control.signed import claims_of  # noqa: PLC0415

        now = self.desk.now().timestamp()
        claims = claims_of(text, self.issuer(), None, now=now, expired_too=True)
        if claims is None:
            raise IntertieError("cannot revoke this token: it is none of this suite's")
        return str(claims["jti"]), str(claims.get("tenant", DEFAULT_TENANT)), float(claims["exp"])

    def _mint(self, principal: Principal, ttl_s: float | None) -> Token:
        from intertie.identity.issuer import For  # noqa: PLC0415

        settings = self.gateway()
        lifetime_s = settings.token_expiry if ttl_s is None else ttl_s
        text = self.issuer().mint_for(
            principal, For(settings.jwt.audience), now=datetime.now(UTC), lifetime_s=lifetime_s
        )
        return Token(text, int(lifetime_s))
