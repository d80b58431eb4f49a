"""REST routes of API keys and tokens."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from intertie.api.access import Manager, Use, Writer
from intertie.api.identity_models import (
    KeyBody,
    KeyPage,
    KeyView,
    MintBody,
    NewKeyView,
    ReplacedKeys,
    Resealed,
    RevocationBody,
    Revoked,
    RotationBody,
    SecretView,
)
from intertie.api.identity_route import IdentityRoute
from intertie.api.models import TokenAnswer
from intertie.control.keys import KeyInfo
from intertie.suite.values import Name

Page = Annotated[int, Query(ge=1, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]

router = APIRouter(prefix="/api/keys", tags=["keys"], route_class=IdentityRoute)
tokens = APIRouter(prefix="/api/tokens", tags=["tokens"], route_class=IdentityRoute)


@router.get("")
async def keys(
    *,
    control: Use,
    actor: Manager,
    tenant: Name | None = None,
    owner: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    page: Page = 1,
    limit: Limit = 100,
) -> KeyPage:
    """API keys, oldest first; `owner` is the id of a user."""
    found, total = await control.identity.keys.list(
        actor, tenant=tenant, owner=owner, page=page, limit=limit
    )
    items = [KeyView(**_told(each)) for each in found]
    return KeyPage(items=items, page=page, limit=limit, total=total)


@router.post("", status_code=201)
async def create(control: Use, actor: Manager, body: KeyBody, response: Response) -> NewKeyView:
    """A new key. Its text is in this answer, and nowhere else ever."""
    fields = body.model_dump(exclude={"name"}, exclude_none=True)
    made = await control.identity.keys.create(actor, body.name, **fields)
    response.headers["location"] = f"/api/keys/{made.key.id}"
    return NewKeyView(**_told(control.identity.keys.told(made)), text=made.text)


@router.post("/rotate-master")
async def rotate_master(control: Use, actor: Writer) -> Resealed:
    """Seal everything that is kept sealed under a new master key; the one before is forgotten."""
    return Resealed(count=await control.identity.keys.rotate_master(actor))


@router.get("/{id}")
async def show(control: Use, actor: Manager, id: str) -> KeyView:
    """One key."""
    return KeyView(**_told(await control.identity.keys.show(actor, id)))


@router.post("/{id}/rotate")
async def rotate(control: Use, actor: Manager, id: str, body: RotationBody) -> NewKeyView:
    """A new text; the one before opens until the overlap is over."""
    made = await control.identity.keys.rotate(actor, id, overlap_s=body.overlap)
    return NewKeyView(**_told(control.identity.keys.told(made)), text=made.text)


@router.post("/{id}/revoke")
async def revoke(control: Use, actor: Manager, id: str) -> KeyView:
    """End it at once, for good; it stays in the list."""
    return KeyView(**_told(await control.identity.keys.revoke(actor, id)))


@router.delete("/{id}", status_code=204)
async def delete(control: Use, actor: Manager, id: str) -> None:
    """End it and take it out of the list."""
    await control.identity.keys.delete(actor, id)


@tokens.post("", status_code=201)
async def mint(control: Use, actor: Writer, body: MintBody) -> TokenAnswer:
    """A token that the gateway accepts, for a user of the suite or for anybody by name."""
    made = control.tokens
    if body.user is not None:
        token = await made.mint_for_user(actor, body.user, tenant=body.tenant, ttl_s=body.ttl)
    else:
        token = made.mint(actor, body.subject, tenant=body.tenant, roles=body.roles, ttl_s=body.ttl)
    return TokenAnswer(access_token=token.access_token, expires_in=token.expires_in)


@tokens.post("/revoke")
async def revoke_token(control: Use, actor: Writer, body: RevocationBody) -> Revoked:
    """The gateway takes a token no longer, though it has not expired."""
    return Revoked(id=await control.tokens.revoke(actor, body.token))


@tokens.post("/replace-keys")
async def replace_keys(control: Use, actor: Writer) -> ReplacedKeys:
    """After a leak: no token that was made so far is good any more."""
    return ReplacedKeys(kid=await control.tokens.replace_keys(actor))


def _told(info: KeyInfo) -> dict[str, Any]:  # Any: checked by the view
    key = info.key
    return {
        "id": key.id,
        "name": key.name,
        "tenant": key.tenant,
        "state": info.state,
        "created": key.created,
        "expires": key.expires,
        "revoked": key.revoked,
        "last_used": info.last_used,
        "owner": key.owner,
        "roles": list(key.roles),
        "scopes": list(key.scopes),
        "cidrs": list(key.cidrs),
        "mode": key.mode,
        "secrets": [
            SecretView(last4=each.last4, created=each.created, until=each.until)
            for each in key.secrets
        ],
    }
