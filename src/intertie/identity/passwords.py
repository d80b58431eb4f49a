"""Passwords: Argon2id off the event loop, and no faster way to learn anything than to know one."""

import secrets
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from intertie.errors import IntertieError
from intertie.identity.audit import Actor
from intertie.identity.store import Desk, scoped
from intertie.identity.throttle import Pace, Throttle
from intertie.identity.users import Credentials, User, Users, login_key, next_epoch
from intertie.suite.values import DEFAULT_TENANT

MIN_CHARACTERS = 12
MAX_BYTES = 1024
_AT_ONCE = 2
_MAX_WAITING = 64
# One address may be many people's.
_ADDRESS_PACE = Pace(free=20)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a hash. The default is the second choice of RFC 9106, on one lane."""

    rounds: int = 3
    memory_kib: int = 65536
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class LoginRefusal:
    """Why not; for the audit trail. Who tries is told no more than `wait_s`."""

    reason: Literal["wrong", "disabled", "locked", "busy"]
    wait_s: float = 0.0
    """Before another try makes sense."""


class Passwords:
    """Sets and checks them. There is no default password, and none is ever made up."""

    def __init__(self, desk: Desk, users: Users, *, cost: Cost | None = None) -> None:
        cost = cost or Cost()
        self._desk = desk
        self._users = users
        self._hasher = PasswordHasher(cost.rounds, cost.memory_kib, cost.lanes)
        self._limiter = CapacityLimiter(_AT_ONCE)
        self._accounts = Throttle(Pace(), now=desk.now)
        self._addresses = Throttle(_ADDRESS_PACE, now=desk.now)
        self._nobodys: str | None = None

    async def set(self, actor: Actor, user_id: str, password: str) -> None:
        """Give a user this password; whoever was logged in with the old one no longer is."""
        user = await self._users.get(user_id)
        async with self._desk.change(actor, "user.password", scoped(user.tenant, user.login)):
            check_password(password, login=user.login)
            hashed = await self._hash(password)
            await self._store(user.id, hashed)
            await self._users.shelf.edit(user.id, next_epoch)
        self._accounts.forgive(login_key(user.tenant, user.login))

    async def remove(self, actor: Actor, user_id: str) -> None:
        """Let the user come in by other ways only."""
        user = await self._users.get(user_id)
        async with self._desk.change(actor, "user.no-password", scoped(user.tenant, user.login)):
            await self._store(user.id, None)
            await self._users.shelf.edit(user.id, next_epoch)

    async def login(
        self, actor: Actor, login: str, password: str, *, tenant: str = DEFAULT_TENANT
    ) -> User | LoginRefusal:
        """Who it is, or why not; as slow for a login that nobody has. `actor` gives the address."""
        account = login_key(tenant, login[:MAX_BYTES])
        if refusal := self._held_up(account, actor.address):
            return refusal
        self._accounts.begin(account)
        self._addresses.begin(actor.address)
        outcome = await self._checked(login, password, tenant)
        if isinstance(outcome, User):
            self._accounts.forgive(account)
            self._addresses.undo(actor.address)
        await self._tell(actor, scoped(tenant, login[:MAX_BYTES]), outcome)
        return outcome

    def _held_up(self, account: str, address: str) -> LoginRefusal | None:
        wait_s = max(self._accounts.wait_s(account), self._addresses.wait_s(address))
        if wait_s > 0:
            return LoginRefusal("locked", wait_s)
        if self._limiter.statistics().tasks_waiting >= _MAX_WAITING:
            return LoginRefusal("busy", 1.0)
        return None

    async def _checked(self, login: str, password: str, tenant: str) -> User | LoginRefusal:
        user = await self._users.by_login(login, tenant=tenant)
        kept = await self._users.credentials.find(user.id) if user else None
        hashed = kept.password if kept else None
        same = await self._verify(hashed or await self._dummy(), password)
        if user is None or hashed is None or not same:
            return LoginRefusal("wrong")
        if not user.enabled:
            return LoginRefusal("disabled")
        if self._hasher.check_needs_rehash(hashed):
            await self._rehash(user.id, hashed, password)
        return user

    async def _tell(self, actor: Actor, target: str, outcome: User | LoginRefusal) -> None:
        if isinstance(outcome, User):
            await self._desk.audit.append(actor, "user.login", target=target)
            return
        why = {"why": outcome.reason}
        await self._desk.audit.append(
            actor, "user.login", target=target, outcome="refused", detail=why
        )

    async def _rehash(self, user_id: str, old: str, password: str) -> None:
        new = await self._hash(password)
        await self._users.credentials.edit(
            user_id, lambda now: replace(now, password=new) if now.password == old else now
        )

    async def _store(self, user_id: str, hashed: str | None) -> None:
        if await self._users.credentials.find(user_id) is None:
            await self._users.credentials.add(user_id, Credentials(password=hashed))
        else:
            await self._users.credentials.edit(user_id, lambda now: replace(now, password=hashed))

    async def _hash(self, password: str) -> str:
        return await to_thread.run_sync(self._hasher.hash, _bytes(password), limiter=self._limiter)

    async def _dummy(self) -> str:
        if self._nobodys is None:
            self._nobodys = await self._hash(secrets.token_urlsafe(32))
        return self._nobodys

    async def _verify(self, hashed: str, password: str) -> bool:
        shown = _bytes(password)
        # Too long a password is checked all the same, cut: it must take as long.
        sound = len(shown) <= MAX_BYTES
        matches = await to_thread.run_sync(
            _matches, self._hasher, hashed, shown[:MAX_BYTES], limiter=self._limiter
        )
        return matches and sound


def check_password(password: str, *, login: str) -> None:
    """Raise IntertieError for a password that is too easy to guess, or too long."""
    if len(password) < MIN_CHARACTERS:
        raise IntertieError(f"cannot use this password: at least {MIN_CHARACTERS} characters")
    if len(_bytes(password)) > MAX_BYTES:
        raise IntertieError(f"cannot use this password: at most {MAX_BYTES} bytes")
    if login.casefold() in password.casefold() and len(password) < MIN_CHARACTERS + len(login):
        raise IntertieError("cannot use this password: it is little more than the login")
    if len(set(password)) < MIN_CHARACTERS // 3:
        raise IntertieError("cannot use this password: it repeats a few characters")


def _bytes(password: str) -> bytes:
    # Keyboards spell the same letter differently (NIST SP 800-63B, 3.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _matches(hasher: PasswordHasher, hashed: str, password: bytes) -> bool:
    try:
        return hasher.verify(hashed, password)
    except (InvalidHashError, VerificationError):
        return False
