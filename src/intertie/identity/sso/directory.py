"""Logins against an LDAP directory: the user is searched for, then binds with the password."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread

from intertie.identity.sso import ProviderError
from intertie.identity.sso.people import Person, names, text
from intertie.suite.values import DEFAULT_TENANT

_NETWORK_S = 5.0
_OPERATION_S = 10.0
_TOTAL_S = 30.0
_MOST_GROUPS = 500
_AT_ONCE = 8
_MAX_LOGIN = 256
_MAX_PASSWORD = 1024

Ldap = Any  # Any: python-ldap has no types


@dataclass(frozen=True, slots=True)
class LdapSettings:
    """As in the suite file; the password is the word itself."""

    name: str
    url: str
    user_base: str
    start_tls: bool = True
    ca_file: str | None = None
    bind_dn: str | None = None
    bind_password: str | None = field(default=None, repr=False)
    user_filter: str = "(|(uid={login})(mail={login}))"
    email_attribute: str = "mail"
    group_base: str | None = None
    group_filter: str = "(member={dn})"
    allowed_domains: tuple[str, ...] = ()
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class _Entry:
    dn: str
    attributes: Mapping[str, list[bytes]]

    def texts(self, name: str) -> list[str]:
        """Values of an attribute, whatever the case of its name."""
        for key, values in self.attributes.items():
            if key.lower() == name.lower():
                return [each.decode(errors="replace") for each in values]
        return []


class Directory:
    """One directory. Each login has a connection of its own, in a thread."""

    def __init__(self, settings: LdapSettings) -> None:
        self.settings = settings
        self._at_once = CapacityLimiter(_AT_ONCE)

    async def check(self, login: str, password: str) -> Person | None:
        """Whose password this is; None when it is nobody's. Raises ProviderError."""
        # RFC 4513, 5.1.2: a bind without a password succeeds, and says nothing of who it is.
        if not login or not password or "\x00" in login + password:
            return None
        if len(login) > _MAX_LOGIN or len(password) > _MAX_PASSWORD:
            return None
        try:
            with fail_after(_TOTAL_S):
                return await to_thread.run_sync(
                    _check, self.settings, login, password, limiter=self._at_once
                )
        except TimeoutError as exc:
            raise ProviderError(
                f"cannot ask the directory {self.settings.url}: no answer in {_TOTAL_S:g} s"
            ) from exc


def _check(settings: LdapSettings, login: str, password: str) -> Person | None:
    ldap = _python_ldap("ldap")
    try:
        with _connected(ldap, settings) as connection:
            _bind(connection, settings.bind_dn or "", settings.bind_password or "")
            entry = _user(ldap, connection, settings, login)
            if entry is None or not _proves(ldap, settings, entry, password):
                return None
            return _person(settings, entry, _groups(ldap, connection, settings, entry))
    except ldap.LDAPError as exc:
        raise ProviderError(f"cannot ask the directory {settings.url}: {_why(exc)}") from exc


@contextmanager
def _connected(ldap: Ldap, settings: LdapSettings) -> Iterator[Ldap]:
    connection = ldap.initialize(settings.url, bytes_mode=False)
    try:
        connection.set_option(ldap.OPT_PROTOCOL_VERSION, 3)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, _NETWORK_S)
        connection.set_option(ldap.OPT_TIMEOUT, _OPERATION_S)
        connection.set_option(ldap.OPT_REFERRALS, 0)  # nothing is asked elsewhere
        if settings.url.startswith(("ldaps://", "ldap://")):
            _demand_tls(ldap, connection, settings)
        yield connection
    finally:
        connection.unbind_s()


def _demand_tls(ldap: Ldap, connection: Ldap, settings: LdapSettings) -> None:
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    if settings.ca_file:
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, settings.ca_file)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    if settings.url.startswith("ldap://") and settings.start_tls:
        connection.start_tls_s()


def _bind(connection: Ldap, dn: str, password: str) -> None:
    connection.simple_bind_s(dn, password)


def _user(ldap: Ldap, connection: Ldap, settings: LdapSettings, login: str) -> _Entry | None:
    """The one entry of the login; None for none, and for two."""
    wanted = _filled(settings.user_filter, "{login}", login)
    attributes = [settings.email_attribute, "cn", "displayName", "memberOf"]
    try:
        found = _search(ldap, connection, settings.user_base, wanted, attributes, most=2)
    except ldap.SIZELIMIT_EXCEEDED:
        return None
    return found[0] if len(found) == 1 else None


def _proves(ldap: Ldap, settings: LdapSettings, entry: _Entry, password: str) -> bool:
    with _connected(ldap, settings) as connection:
        try:
            _bind(connection, entry.dn, password)
        except (ldap.INVALID_CREDENTIALS, ldap.UNWILLING_TO_PERFORM, ldap.CONSTRAINT_VIOLATION):
            return False
        return True


def _groups(
    ldap: Ldap, connection: Ldap, settings: LdapSettings, entry: _Entry
) -> tuple[str, ...] | None:
    if settings.group_base is None:
        return names([_common_name(each) for each in entry.texts("memberOf")])
    wanted = _filled(settings.group_filter, "{dn}", entry.dn)
    found = _search(ldap, connection, settings.group_base, wanted, ["cn"], most=_MOST_GROUPS)
    return names([name for each in found for name in each.texts("cn")[:1]])


def _search(
    ldap: Ldap,
    connection: Ldap,
    base: str,
    wanted: str,
    attributes: list[str],
    *,
    most: int,
) -> list[_Entry]:
    found = connection.search_ext_s(
        base, ldap.SCOPE_SUBTREE, wanted, attributes, timeout=_OPERATION_S, sizelimit=most
    )
    return [_Entry(dn, values) for dn, values in found if dn is not None]  # None is a referral


def _person(settings: LdapSettings, entry: _Entry, groups: tuple[str, ...] | None) -> Person:
    mail = entry.texts(settings.email_attribute)
    email = text(mail[0]) if mail else ""
    shown = [*entry.texts("displayName"), *entry.texts("cn"), entry.dn]
    return Person(
        provider=settings.name,
        subject=entry.dn.lower(),
        tenant=settings.tenant,
        email=email,
        email_verified=bool(email),
        name=text(shown[0]),
        groups=groups,
        methods=("pwd",),
    )


def _filled(pattern: str, place: str, value: str) -> str:
    escape: Callable[[str], str] = _python_ldap("ldap.filter").escape_filter_chars
    return pattern.replace(place, escape(value))


def _common_name(dn: str) -> str:
    parts = _python_ldap("ldap.dn").str2dn(dn)
    return str(parts[0][0][1]) if parts else ""


def _why(exc: BaseException) -> str:
    told = exc.args[0] if exc.args else {}
    if not isinstance(told, dict):
        return type(exc).__name__
    return ": ".join(str(told[key]) for key in ("desc", "info") if told.get(key))


def _python_ldap(module: str) -> Ldap:
    try:
        return import_module(module)
    except ImportError as exc:
        raise ProviderError(
            "cannot use LDAP: python-ldap is not there; install intertie[ldap]"
        ) from exc
