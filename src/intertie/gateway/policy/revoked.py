"""Tokens that are no longer good though they are signed. Envoy itself knows them, from a file."""

from collections.abc import Iterator

from intertie.gateway.policy.roles import metadata
from intertie.gateway.routes import Credential, Routes, Rule
from intertie.gateway.xds import FILTERS, Json, T, enabled
from intertie.identity.issuer import CLIENT_CLAIM, TENANT_CLAIM
from intertie.identity.tokens.revocation import Revoked

NAME = "intertie.revoked"
KIND = f"{FILTERS}rbac.v3.RBAC"

_POLICY = "revoked"
_EXACT = ("jti", "sid", "grant")
_OURS = "(?:user|key|service):.*"


def config(routes: Routes) -> Json:
    """Denies whom the list names; an empty one denies nobody."""
    named = [*_exact(routes.revoked), *_subjects(routes.revoked), *_usurpers(routes)]
    policy = {"permissions": [{"any": True}], "principals": named}
    return {"rules": {"action": "DENY", "policies": {_POLICY: policy} if named else {}}}


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Of requests with a token; the authorizer looks at what else may be revoked."""
    return enabled() if credential == "jwt" and (rule.has_revocations or rule.foreign) else None


def revoked_reply() -> Json:
    """Of the listener's local replies: 401, as RFC 6750 has it for such a token."""
    kind = f"{T}extensions.access_loggers.filters.cel.v3.ExpressionFilter"
    denied = f"response.code_details == 'rbac_access_denied_matched_policy[{_POLICY}]'"
    return {
        "filter": {
            "extension_filter": {
                "name": "cel",
                "typed_config": {"@type": kind, "expression": denied},
            }
        },
        "status_code": 401,
        "headers_to_add": [
            {"header": {"key": "www-authenticate", "value": 'Bearer error="invalid_token"'}}
        ],
        "body_format_override": {
            "content_type": "application/problem+json",
            "json_format": {
                "type": "about:blank",
                "title": "Unauthorized",
                "status": "%RESPONSE_CODE%",
                "detail": "cannot let you in with this token: it was revoked; log in again",
                "code": "token_revoked",
                "request_id": "%REQ(X-REQUEST-ID)%",
            },
        },
    }


def _exact(revoked: tuple[Revoked, ...]) -> Iterator[Json]:
    """One look at a claim for all values of it."""
    for claim in _EXACT:
        values = [_text(each.value) for each in revoked if each.kind == claim]
        if values:
            yield metadata(claim, values[0] if len(values) == 1 else _any(values))


def _usurpers(routes: Routes) -> Iterator[Json]:
    """A foreign issuer's user whose name is what one of ours is known by."""
    for check in routes.tokens:
        if not check.is_own:
            theirs = metadata("iss", _text(check.issuer))
            ours = metadata("sub", {"string_match": {"safe_regex": {"regex": _OURS}}})
            yield {"and_ids": {"ids": [theirs, ours]}}


def _subjects(revoked: tuple[Revoked, ...]) -> Iterator[Json]:
    for each in revoked:
        if each.kind == "subject":
            who = metadata(CLIENT_CLAIM, _text(each.value))
            yield {"and_ids": {"ids": [who, _tenant(each.tenant), _issued(each.before_s)]}}


def _tenant(tenant: str) -> Json:
    if tenant:
        return metadata(TENANT_CLAIM, _text(tenant))
    return {"not_id": metadata(TENANT_CLAIM, {"present_match": True})}


def _issued(before_s: int) -> Json:
    """In this second or before; a token that does not say when is taken for an old one."""
    old = metadata("iat", {"double_match": {"range": {"start": 0, "end": before_s + 1}}})
    silent = {"not_id": metadata("iat", {"present_match": True})}
    return {"or_ids": {"ids": [old, silent]}}


def _any(values: list[Json]) -> Json:
    return {"or_match": {"value_matchers": values}}


def _text(value: str) -> Json:
    return {"string_match": {"exact": value}}
