"""REST routes about identities: users, groups, roles, keys, tokens, tenants and the audit trail."""

from fastapi import APIRouter

from intertie.api import identity_audit, identity_keys, identity_names, identity_users

router = APIRouter()
for _each in (
    identity_users.router,
    identity_names.groups,
    identity_names.roles,
    identity_keys.router,
    identity_keys.tokens,
    identity_names.tenants,
    identity_audit.router,
):
    router.include_router(_each)
