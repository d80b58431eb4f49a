"""Who may come in: single sign-on, roles, second factors, and the tenants of a suite."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from intertie.suite.integration import IntegrationChange
from intertie.suite.oauth_client import OAuthClient
from intertie.suite.route import Route
from intertie.suite.secret import Reference
from intertie.suite.values import (
    Count,
    Duration,
    Flag,
    Model,
    Name,
    Period,
    Roles,
    UrlPath,
    Words,
    at,
    one_or_more,
)

_DOMAIN = re.compile(r"(?=.{1,253}$)(?:(?!-)[a-z0-9-]{1,63}(?<!-)\.)+[a-z]{2,63}", re.IGNORECASE)
_URL = r"^https?://[^\s#?]+$"
_SLA = r"^(100|[0-9]{1,2})(\.[0-9]{1,4})?%$"


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        raise ValueError("expected a domain such as example.com")
    return value.lower()


Domain = Annotated[str, AfterValidator(_domain)]
Domains = Annotated[
    tuple[Domain, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]


class OidcProvider(Model):
    """An OpenID Connect provider, found by its issuer's discovery document."""

    kind: Literal["oidc"]
    """OpenID Connect."""
    issuer: Annotated[str, Field(pattern=_URL)]
    """As it stands in its tokens; `https` unless it is on this machine."""
    client_id: Annotated[str, Field(min_length=1)]
    """As the provider knows this suite."""
    client_secret: Reference | None = None
    """A reference; None is a public client."""
    scopes: Words = ("openid", "email", "profile")
    """What is asked for."""
    groups_claim: str = "groups"
    """Where its tokens name the groups of a user."""
    allowed_domains: Domains | None = None
    """In place of those of `sso_configuration`."""
    tenant: Name | None = None
    """The tenant whose users come from here; None is the default tenant."""


class SamlProvider(Model):
    """A SAML 2.0 identity provider."""

    kind: Literal["saml"]
    """SAML 2.0, web browser profile."""
    metadata: Annotated[str, Field(min_length=1)]
    """A file, relative to the suite file's folder, or an `https` address."""
    entity_id: str | None = None
    """Of this suite; None is the address of its metadata."""
    email_attribute: str = "email"
    """Where an assertion names the address of a user."""
    groups_attribute: str = "groups"
    """Where an assertion names the groups of a user."""
    allowed_domains: Domains | None = None
    """In place of those of `sso_configuration`."""
    tenant: Name | None = None
    """The tenant whose users come from here; None is the default tenant."""


class LdapProvider(Model):
    """A directory that users are looked up and checked in."""

    kind: Literal["ldap"]
    """LDAP version 3."""
    url: Annotated[str, Field(pattern=r"^(ldaps?://[^\s/]+|ldapi://\S+)$")]
    """`ldaps://…`, or `ldap://…` with `start_tls`."""
    start_tls: Flag = True
    """Of `ldap://`: nothing is sent before the connection is encrypted."""
    ca_file: str | None = None
    """Who may vouch for the server; None asks the system's authorities."""
    bind_dn: str | None = None
    """Who looks users up; None does so anonymously."""
    bind_password: Reference | None = None
    """A reference."""
    user_base: Annotated[str, Field(min_length=1)]
    """Below which users are."""
    user_filter: str = "(|(uid={login})(mail={login}))"
    """`{login}` is what the user typed, escaped."""
    email_attribute: str = "mail"
    """Where an entry names the address of a user."""
    group_base: str | None = None
    """Below which groups are; None reads `memberOf` of the user."""
    group_filter: str = "(member={dn})"
    """`{dn}` is that of the user, escaped."""
    allowed_domains: Domains | None = None
    """In place of those of `sso_configuration`."""
    tenant: Name | None = None
    """The tenant whose users come from here; None is the default tenant."""


Provider = Annotated[OidcProvider | SamlProvider | LdapProvider, Field(discriminator="kind")]


class SsoConfiguration(Model):
    """How users log in, and how long they stay."""

    provider: Annotated[str, Field(min_length=1)] = "oauth2_proxy"
    """The one of `providers` that users are sent to; `oauth2_proxy` is the built-in login page,
    which offers all of them."""
    allowed_domains: Domains = ()
    """Of verified e-mail addresses; empty lets none but named users in."""
    session_duration: Period = 86400.0
    """A session ends after so long, whatever happens in it."""
    idle_timeout: Period = 3600.0
    """A session that nobody used for so long has ended."""
    cookie_secure: Flag = True
    """The cookie is sent over TLS only. Browsers take `localhost` for secure."""


class RbacIntegration(Model):
    """Which groups have which roles."""

    role_sync: Flag = True
    """At each login the groups of a user become those that the provider tells."""
    group_mapping: dict[Annotated[str, Field(min_length=1, max_length=200)], Roles] = {
        "admins": ("admin", "superuser"),
        "users": ("user", "readonly"),
    }
    """Roles of each group."""


class Mfa(Model):
    """Second factors."""

    methods: tuple[Literal["totp", "passkey", "sms", "email"], ...] = ("totp", "passkey")
    """What users may set up. Codes by `sms` and `email` need a channel."""
    required_for: Roles = ()
    """Roles whose users must have one."""
    code_lifetime: Period = 300.0
    """Of a code sent by `sms` or `email`."""


class Identity(Model):
    """Users, how they log in, and what they may do."""

    sso_configuration: SsoConfiguration = SsoConfiguration()
    """Logins and sessions."""
    rbac_integration: RbacIntegration = RbacIntegration()
    """Groups and roles."""
    providers: dict[Name, Provider] = {}
    """Where users come from, beside the suite's own."""
    clients: dict[Name, OAuthClient] = {}
    """Programs that may ask the suite's own issuer for tokens, by their `client_id`."""
    mfa: Mfa = Mfa()
    """Second factors."""
    url: Annotated[str, Field(pattern=_URL)] | None = None
    """Where browsers find the gateway, `https://app.example.com`; None is its own address."""
    login_path: UrlPath = "/auth"
    """Below it are the login page and the endpoints of the token issuer."""

    @model_validator(mode="after")
    def _provider_is_known(self) -> Self:
        chosen = self.sso_configuration.provider
        if chosen != "oauth2_proxy" and chosen not in self.providers:
            raise at("sso_configuration", f"provider {chosen!r} is not one of `providers`")
        return self


class TenantRates(Model):
    """How much one tenant may ask for in all."""

    requests_per_minute: Count | None = None
    """Of all its users and keys together."""
    requests_per_hour: Count | None = None
    """Of all its users and keys together."""
    burst_limit: Count | None = None
    """At once."""


class Tenant(Model):
    """A customer, apart from all others."""

    rate_limits: TenantRates = TenantRates()
    """Of all its users and keys together."""
    features: Words = ()
    """What it has bought; a route may ask for one."""
    sla: Annotated[str, Field(pattern=_SLA)] | None = None
    """Part of the time its requests are to be answered: `99.9%`."""
    domains: Domains = ()
    """Hosts that are this tenant's."""
    session_duration: Duration | None = None
    """In place of that of `sso_configuration`."""
    integrations: dict[Name, IntegrationChange] = {}
    """What is otherwise in its connections than in those of the suite, by their names."""
    routes: tuple[Route, ...] = ()
    """Of its own: for its domains, unless a route names hosts below them, and for its callers only.
    What is wrong with them is this tenant's trouble alone."""

    @model_validator(mode="after")
    def _routes_are_below_its_domains(self) -> Self:
        for route in self.routes:
            if not (route.hosts or self.domains):
                raise at("domains", "routes of a tenant need its `domains`")
            for host in route.hosts:
                if not any(f".{host}".endswith(f".{domain}") for domain in self.domains):
                    raise at("routes", f"{host} is not below a domain of this tenant")
        return self

    def own_routes(self, name: str) -> tuple[Route, ...]:
        """Each with its hosts, and for callers of this tenant only."""
        return tuple(
            route.model_copy(update={"hosts": route.hosts or self.domains, "tenants": (name,)})
            for route in self.routes
        )
