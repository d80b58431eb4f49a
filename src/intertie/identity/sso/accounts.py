"""The users of the suite, as logins need them: what `Identities` has, in the words of a login."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from intertie.errors import NotFoundError
from intertie.identity.audit import Actor
from intertie.identity.external import Visitor
from intertie.identity.identities import Identities
from intertie.identity.passwords import LoginRefusal
from intertie.identity.principal import Principal
from intertie.identity.sso import LoginRefusedError, TooManyTriesError
from intertie.identity.sso.people import Person, check_hosted_domain
from intertie.identity.store import Revision
from intertie.identity.totp import Enrolment
from intertie.identity.users import User
from intertie.suite.identity import Mfa

Factor = Literal["totp", "passkey", "sms", "email"]
_WRONG = "cannot log in: login or password is wrong; try again"


@dataclass(frozen=True, slots=True)
class Factors:
    """The second factors of a user: those that are set up, and whether there must be one."""

    ready: tuple[Factor, ...]
    required: bool

    @property
    def asked(self) -> bool:
        """Whether the password is not enough."""
        return self.required or bool(self.ready)


class Accounts:
    """Checks who somebody is. Every call tells the address it came from."""

    def __init__(self, identities: Identities, mfa: Mfa, *, role_sync: bool = True) -> None:
        self._identities = identities
        self._mfa = mfa
        self._role_sync = role_sync

    async def by_password(self, login: str, password: str, *, tenant: str, address: str) -> User:
        """Raises LoginRefusedError, TooManyTriesError."""
        actor = Actor(login[:80] or "-", "login", address)
        found = await self._identities.passwords.login(actor, login, password, tenant=tenant)
        if isinstance(found, User):
            return found
        self._refuse(found)
        raise LoginRefusedError(_WRONG)

    async def by_provider(self, person: Person, domains: Sequence[str], *, address: str) -> User:
        """The user that the person is here, made if its domain may. Raises AccessDeniedError."""
        check_hosted_domain(person, domains)
        visitor = Visitor(
            provider=person.provider,
            subject=person.subject,
            email=person.email,
            email_verified=person.email_verified,
            name=person.name,
            groups=person.groups or (),
            tenant=person.tenant,
        )
        return await self._identities.externals.upsert(
            Actor(f"{person.provider}:{person.subject}"[:200], "login", address),
            visitor,
            domains=domains,
            role_sync=self._role_sync and person.groups is not None,
        )

    async def present(self, user: str, epoch: int) -> Principal | None:
        """See `sessions.Users`."""
        try:
            found = await self._identities.users.get(user)
        except NotFoundError:
            return None
        if not found.enabled or found.epoch != epoch:
            return None
        return self._identities.users.principal(found)

    async def revision(self) -> Revision:
        """See `sessions.Users`."""
        return await self._identities.revision()

    async def user(self, id: str) -> User:
        """Raises NotFoundError."""
        return await self._identities.users.get(id)

    async def factors(self, user: User) -> Factors:
        """What the user is asked for beside the password."""
        have = await self._identities.factors(user.id)
        ready: tuple[Factor, ...] = tuple(method for method in self._mfa.methods if method in have)
        roles = self._identities.users.principal(user).roles
        return Factors(ready, not set(roles).isdisjoint(self._mfa.required_for))

    async def send_code(self, user: User, method: Factor, *, address: str) -> None:
        """By `sms` or `email`. Raises IntertieError."""
        if method in ("sms", "email"):
            await self._identities.codes.send(_actor(user, address), user.id, method)

    async def check_code(self, user: User, method: Factor, code: str, *, address: str) -> None:
        """Accept a code, once; a recovery code counts for `totp`. Raises AccessDeniedError."""
        actor, plain = _actor(user, address), "".join(code.split())
        if method in ("sms", "email"):
            await self._identities.codes.check(actor, user.id, method, plain)
        elif method == "totp":
            await self._identities.totps.check(actor, user.id, plain)
        else:
            raise LoginRefusedError("cannot log in: a passkey has no code; use its button")

    async def passkey_options(self, user: User | None) -> str:
        """What the browser is to be asked, as JSON; None asks for a passkey of whomever."""
        return await self._identities.passkeys.sign_in(user.id if user else None)

    async def check_passkey(self, user: User | None, answer: str, *, address: str) -> User:
        """Who answered. Raises AccessDeniedError."""
        actor = _actor(user, address) if user else Actor("-", "login", address)
        return await self._identities.passkeys.check(
            actor, answer, user_id=user.id if user else None
        )

    async def new_passkey_options(self, user: User) -> str:
        """What the browser is to be asked for a new passkey, as JSON."""
        return await self._identities.passkeys.registration(user.id)

    async def add_passkey(self, user: User, answer: str, name: str, *, address: str) -> None:
        """Raises AccessDeniedError, ConflictError."""
        await self._identities.passkeys.register(_actor(user, address), user.id, answer, name=name)

    async def begin_totp(self, user: User, *, address: str) -> Enrolment:
        """What an app is to be told."""
        return await self._identities.totps.enrol(_actor(user, address), user.id)

    async def confirm_totp(self, user: User, code: str, *, address: str) -> Sequence[str]:
        """The recovery codes. Raises AccessDeniedError."""
        plain = "".join(code.split())
        return await self._identities.totps.confirm(_actor(user, address), user.id, plain)

    def may_use(self, method: Factor) -> bool:
        """Whether the suite offers it."""
        return method in self._mfa.methods

    def tenant_of(self, host: str) -> str | None:
        """Whose host this is; None is nobody's in particular."""
        return self._identities.tenants.of_host(host)

    def session_duration(self, tenant: str) -> float | None:
        """What the tenant has in place of the general one."""
        return self._identities.tenants.get(tenant).session_duration

    @staticmethod
    def _refuse(refusal: LoginRefusal) -> None:
        if refusal.wait_s > 0:
            raise TooManyTriesError(
                f"cannot log in: too many tries; wait {max(1, round(refusal.wait_s))} s,"
                " then try again",
                retry_after_s=refusal.wait_s,
            )


def _actor(user: User, address: str) -> Actor:
    return Actor(user.login, "login", address)
