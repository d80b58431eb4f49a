"""What the authorizer is told of the routes. Pure."""

from collections.abc import Iterator

from intertie.gateway.authz.settings import AuthzSettings, Credential, RouteSettings
from intertie.gateway.routes import Routes, Rule
from intertie.suite.openapi import OpenApiImport

_SHOWN: dict[str, Credential] = {
    "api_key": "key",
    "session": "session",
    "jwt": "token",
    "signature": "signature",
}


def authorizer_rules(routes: Routes) -> AuthzSettings:
    """By the names that Envoy's routes have; only those that it is asked about."""
    documents = dict(_documents(routes))
    usual = AuthzSettings().max_body_bytes
    return AuthzSettings(
        routes=dict(_rules(routes)),
        limits=routes.limits,
        tenants=dict(routes.tenants),
        login_url=routes.login_url or None,
        documents=documents,
        max_body_bytes=max([usual, *(each.max_checked_body for each in documents.values())]),
    )


def is_asked(rule: Rule, credential: str) -> bool:
    """Whether the authorizer sees requests that show this."""
    if rule.check is not None:
        return credential != "missing"
    if credential in {"session", "signature"} or (
        credential == "api_key" and not rule.has_sealed_keys
    ):
        return True
    return credential != "missing" and rule.limits is not None and rule.limits.counters == "shared"


def _rules(routes: Routes) -> Iterator[tuple[str, RouteSettings]]:
    for rule in routes.rules:
        if any(is_asked(rule, credential) for credential in rule.credentials):
            yield rule.id, _settings(rule)


def _documents(routes: Routes) -> Iterator[tuple[str, OpenApiImport]]:
    for rule in routes.rules:
        if rule.check is not None and rule.check.held is not None:
            yield rule.check.document, rule.check.held


def _settings(rule: Rule) -> RouteSettings:
    shared = rule.limits is not None and rule.limits.counters == "shared"
    return RouteSettings(
        auth=tuple(_SHOWN[each] for each in rule.auth),
        optional=not rule.is_closed,
        preflight=rule.cors is not None and rule.check is None and bool(rule.route.services),
        roles=rule.route.roles,
        scopes=rule.route.scopes,
        limited=shared,
        rate_limit=rule.route.rate_limit,
        pages=_pages(rule),
        document=rule.check.document if rule.check else "",
    )


def _pages(rule: Rule) -> tuple[str, ...] | None:
    if not rule.route.websocket or not rule.csrf.enabled:
        return None
    return tuple(each.partition("://")[2] for each in rule.csrf.additional_origins)
