"""What the login pages work with, and how it is built from the suite file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from intertie.identity.identities import Identities
from intertie.identity.sealed import Sealer
from intertie.identity.sso.accounts import Accounts
from intertie.identity.sso.cookies import Cookies
from intertie.identity.sso.directory import Directory, LdapSettings
from intertie.identity.sso.fetch import Fetch
from intertie.identity.sso.flows import Flows
from intertie.identity.sso.oidc import Login, Oidc, OidcSettings
from intertie.identity.sso.once import Once
from intertie.identity.sso.renewal import Renewals
from intertie.identity.sso.saml import Saml, SamlSettings
from intertie.identity.sso.sessions import Lifetimes, Session, Sessions
from intertie.store import Records
from intertie.suite.identity import (
    Identity,
    LdapProvider,
    OidcProvider,
    SamlProvider,
)
from intertie.suite.values import DEFAULT_TENANT

BUILT_IN = "oauth2_proxy"
"""The provider that is the login page itself."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A way to log in, as the page shows it."""

    name: str
    kind: Literal["oidc", "saml", "ldap"]
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """Where the pages are, and what they offer."""

    public_url: str
    """Where browsers find the gateway. Nothing that a request says takes its place."""
    login_path: str = "/auth"
    provider: str = BUILT_IN
    title: str = "Log in"
    address_header: str = ""
    """Set by the gateway to the client's address; empty is the peer itself."""

    @property
    def origin(self) -> str:
        """Scheme, host and port of `public_url`."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Tools:
    """What must be the same for all of it."""

    records: Records
    sealer: Sealer
    fetch: Fetch
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class LoginDesk:
    """Everything that the pages ask."""

    settings: LoginSettings
    tools: Tools
    accounts: Accounts
    sessions: Sessions
    cookies: Cookies
    flows: Flows
    once: Once
    offers: Sequence[Offer] = ()
    oidc: Mapping[str, Oidc] = field(default_factory=dict)
    saml: Mapping[str, Saml] = field(default_factory=dict)
    ldap: Mapping[str, Directory] = field(default_factory=dict)

    def path(self, rest: str) -> str:
        """Of a page."""
        return f"{self.settings.login_path}/{rest}"

    async def renew(self, session: Session, refresh_token: str) -> Login:
        """See `renewal.Ask`. Raises AccessDeniedError, ProviderError."""
        provider = self.oidc[session.provider]
        login = await provider.renew(refresh_token, session.subject)
        domains = provider.settings.allowed_domains
        await self.accounts.by_provider(login.person, domains, address="")
        return login


def build(
    identity: Identity,
    identities: Identities,
    settings: LoginSettings,
    tools: Tools,
    *,
    secret: Callable[[str], str],
    folder: Path,
) -> LoginDesk:
    """From the suite file. `secret` gives what a reference stands for; paths are below `folder`."""
    sso = identity.sso_configuration
    cookies = Cookies(sso.cookie_secure)
    accounts = Accounts(identities, identity.mfa, role_sync=identity.rbac_integration.role_sync)
    once = Once(tools.records, tools.now)
    lifetimes = Lifetimes(sso.session_duration, sso.idle_timeout)
    sessions = Sessions(tools.records, cookies, accounts, lifetimes=lifetimes, now=tools.now)
    providers = _Providers(identity, settings, tools, once, secret=secret, folder=folder)
    desk = LoginDesk(
        settings,
        tools,
        accounts,
        sessions,
        cookies,
        Flows(tools.sealer, cookies, once, tools.now),
        once,
        offers=[
            Offer(name, each.kind, each.tenant or DEFAULT_TENANT)
            for name, each in identity.providers.items()
        ],
        oidc=providers.oidc(),
        saml=providers.saml(),
        ldap=providers.ldap(),
    )
    renewals = Renewals(tools.records, sessions, desk.renew, sealer=tools.sealer, now=tools.now)
    sessions.renew = renewals.renew
    return desk


class _Providers:
    def __init__(
        self,
        identity: Identity,
        settings: LoginSettings,
        tools: Tools,
        once: Once,
        *,
        secret: Callable[[str], str],
        folder: Path,
    ) -> None:
        self._identity = identity
        self._settings = settings
        self._tools = tools
        self._once = once
        self._secret = secret
        self._folder = folder

    def oidc(self) -> Mapping[str, Oidc]:
        return {
            name: Oidc(self._oidc(name, each), self._tools.fetch, now=self._tools.now)
            for name, each in self._identity.providers.items()
            if isinstance(each, OidcProvider)
        }

    def saml(self) -> Mapping[str, Saml]:
        return {
            name: Saml(self._saml(name, each), self._tools.fetch, self._once, now=self._tools.now)
            for name, each in self._identity.providers.items()
            if isinstance(each, SamlProvider)
        }

    def ldap(self) -> Mapping[str, Directory]:
        return {
            name: Directory(self._ldap(name, each))
            for name, each in self._identity.providers.items()
            if isinstance(each, LdapProvider)
        }

    def _oidc(self, name: str, each: OidcProvider) -> OidcSettings:
        return OidcSettings(
            name,
            each.issuer,
            each.client_id,
            None if each.client_secret is None else self._secret(each.client_secret),
            scopes=each.scopes,
            groups_claim=each.groups_claim,
            allowed_domains=self._domains(each),
            tenant=each.tenant or DEFAULT_TENANT,
        )

    def _saml(self, name: str, each: SamlProvider) -> SamlSettings:
        remote = "://" in each.metadata
        return SamlSettings(
            name,
            each.metadata if remote else str(self._folder / each.metadata),
            f"{self._settings.origin}{self._settings.login_path}/saml/{name}",
            entity_id=each.entity_id,
            email_attribute=each.email_attribute,
            groups_attribute=each.groups_attribute,
            allowed_domains=self._domains(each),
            tenant=each.tenant or DEFAULT_TENANT,
        )

    def _ldap(self, name: str, each: LdapProvider) -> LdapSettings:
        password = each.bind_password
        return LdapSettings(
            name,
            each.url,
            each.user_base,
            start_tls=each.start_tls,
            ca_file=str(self._folder / each.ca_file) if each.ca_file else None,
            bind_dn=each.bind_dn,
            bind_password=None if password is None else self._secret(password),
            user_filter=each.user_filter,
            email_attribute=each.email_attribute,
            group_base=each.group_base,
            group_filter=each.group_filter,
            allowed_domains=self._domains(each),
            tenant=each.tenant or DEFAULT_TENANT,
        )

    def _domains(self, each: OidcProvider | SamlProvider | LdapProvider) -> tuple[str, ...]:
        own = each.allowed_domains
        return self._identity.sso_configuration.allowed_domains if own is None else own
