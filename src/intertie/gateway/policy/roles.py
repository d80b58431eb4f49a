"""What somebody must be to use a route: one of its roles, of one of its tenants."""

from intertie.gateway.policy.tokens import NAME as TOKENS
from intertie.gateway.policy.tokens import PAYLOAD
from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, ROLES_HEADER, TENANT_HEADER, Json

NAME = "intertie.roles"
KIND = f"{FILTERS}rbac.v3.RBAC"


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Of a route that asks for roles, scopes or tenants; who has none of them is answered 403."""
    wanted = [*_roles(rule), *_tenants(rule), *_scopes(rule, credential)]
    if not wanted or credential in {"none", "missing"}:
        return None
    policies = {
        rule.id: {
            "permissions": [{"any": True}],
            "principals": [{"and_ids": {"ids": wanted}}],
        }
    }
    return {
        "@type": f"{FILTERS}rbac.v3.RBACPerRoute",
        "rbac": {"rules": {"action": "ALLOW", "policies": policies}},
    }


def metadata(claim: str, match: Json) -> Json:
    """Of an RBAC rule: whom a claim of the token fits."""
    path = [{"key": PAYLOAD}, *({"key": part} for part in claim.split("."))]
    return {"metadata": {"filter": TOKENS, "path": path, "value": match}}


def _roles(rule: Rule) -> list[Json]:
    if not rule.route.roles:
        return []
    told = [_header(ROLES_HEADER, {"contains": f",{role},"}) for role in rule.route.roles]
    claimed = [
        {"and_ids": {"ids": [metadata("iss", {"string_match": {"exact": issuer}}), has]}}
        for issuer, claim in rule.foreign
        for has in (_claim(claim, role) for role in rule.route.roles)
    ]
    return [{"or_ids": {"ids": [*told, *claimed]}}]


def _tenants(rule: Rule) -> list[Json]:
    if rule.callers is None:
        return []
    if not rule.callers:
        return [{"not_id": {"any": True}}]
    named = [_header(TENANT_HEADER, {"exact": tenant}) for tenant in rule.callers]
    return [{"or_ids": {"ids": named}}]


def _scopes(rule: Rule, credential: Credential) -> list[Json]:
    """Of tokens; the authorizer looks at those of keys."""
    if credential != "jwt":
        return []
    none = {"not_id": metadata("scope", {"present_match": True})}
    return [
        {"or_ids": {"ids": [none, metadata("scope", {"string_match": _word(scope)})]}}
        for scope in rule.route.scopes
    ]


def _word(word: str) -> Json:
    escaped = "".join(c if c.isalnum() else f"\\{c}" for c in word)
    return {"safe_regex": {"regex": f"(?:.* )?{escaped}(?: .*)?"}}


def _header(name: str, match: Json) -> Json:
    return {"header": {"name": name, "string_match": match}}


def _claim(name: str, value: str) -> Json:
    one = {"string_match": {"exact": value}}
    return metadata(name, {"list_match": {"one_of": one}})
