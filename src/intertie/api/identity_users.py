"""REST routes of users."""

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from intertie.api.access import Manager, Use
from intertie.api.identity_models import (
    Factors,
    GroupsBody,
    PasswordBody,
    UserBody,
    UserChange,
    UserDetail,
    UserPage,
    UserView,
)
from intertie.api.identity_route import IdentityRoute
from intertie.control.actor import Actor
from intertie.control.people import People, Person, Wanted
from intertie.control.use_cases import Control

if TYPE_CHECKING:  # its libraries are large, and a suite without identities needs none of them
    from intertie.identity.users import User

Text = Annotated[str, Field(min_length=1, max_length=254)]

router = APIRouter(prefix="/api/users", tags=["users"], route_class=IdentityRoute)


class UserQuery(BaseModel):
    """Which users, and which page of them."""

    tenant: Text | None = None
    login: Text | None = None
    search: Text | None = None
    group: Text | None = None
    role: Text | None = None
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


@router.get("")
async def users(control: Use, actor: Manager, query: Annotated[UserQuery, Query()]) -> UserPage:
    """Users who fit, oldest first; `search` is part of a login, a name or an e-mail address."""
    people = control.identity.people
    wanted = Wanted(**query.model_dump(exclude={"page", "limit"}))
    found, total = await people.list(actor, wanted, page=query.page, limit=query.limit)
    items = [view(control, actor, user) for user in found]
    return UserPage(items=items, page=query.page, limit=query.limit, total=total)


@router.post("", status_code=201)
async def create(control: Use, actor: Manager, body: UserBody, response: Response) -> UserDetail:
    """A new user. Its password is in no answer."""
    people = control.identity.people
    fields = body.model_dump(exclude={"login", "tenant", "password"}, exclude_unset=True)
    user = await people.create(
        actor,
        body.login,
        tenant=body.tenant,
        password=body.password.get_secret_value() if body.password else None,
        **fields,
    )
    response.headers["location"] = f"/api/users/{user.id}"
    return await _detail(people, actor, user.id)


@router.get("/{id}")
async def show(control: Use, actor: Manager, id: str) -> UserDetail:
    """One user, with how it comes in."""
    return await _detail(control.identity.people, actor, id)


@router.patch("/{id}")
async def update(control: Use, actor: Manager, id: str, body: UserChange) -> UserDetail:
    """Change what is given. Who loses a role has to log in again."""
    people = control.identity.people
    await people.update(actor, id, **body.model_dump(exclude_unset=True))
    return await _detail(people, actor, id)


@router.delete("/{id}", status_code=204)
async def delete(control: Use, actor: Manager, id: str) -> None:
    """Remove it and everything that is its own: keys, passkeys, sessions."""
    await control.identity.people.delete(actor, id)


@router.put("/{id}/groups")
async def set_groups(control: Use, actor: Manager, id: str, body: GroupsBody) -> UserDetail:
    """Let it be in these groups, and no other."""
    people = control.identity.people
    await people.update(actor, id, groups=body.groups)
    return await _detail(people, actor, id)


@router.put("/{id}/password", status_code=204)
async def set_password(control: Use, actor: Manager, id: str, body: PasswordBody) -> None:
    """Give it a new password; who was logged in no longer is."""
    await control.identity.people.set_password(actor, id, body.password.get_secret_value())


@router.delete("/{id}/password", status_code=204)
async def remove_password(control: Use, actor: Manager, id: str) -> None:
    """Let it come in by other ways only."""
    await control.identity.people.set_password(actor, id, None)


@router.post("/{id}/enable")
async def enable(control: Use, actor: Manager, id: str) -> UserDetail:
    """Let it in again."""
    people = control.identity.people
    await people.enable(actor, id)
    return await _detail(people, actor, id)


@router.post("/{id}/disable")
async def disable(control: Use, actor: Manager, id: str) -> UserDetail:
    """Shut it out: its sessions, tokens and keys end."""
    people = control.identity.people
    await people.disable(actor, id)
    return await _detail(people, actor, id)


@router.delete("/{id}/sessions", status_code=204)
async def end_sessions(control: Use, actor: Manager, id: str) -> None:
    """Log it out everywhere; tokens that were made for it end too."""
    await control.identity.people.end_sessions(actor, id)


@router.delete("/{id}/factors")
async def reset_factors(control: Use, actor: Manager, id: str) -> Factors:
    """Forget its authenticator app and its passkeys, when they are lost; it is logged out."""
    return Factors(removed=list(await control.identity.people.reset_factors(actor, id)))


def view(control: Control, actor: Actor, user: "User") -> UserView:
    """A user, as in lists."""
    return UserView(**_told(user, control.identity.people.roles(actor, user)))


async def _detail(people: People, actor: Actor, id: str) -> UserDetail:
    found: Person = await people.show(actor, id)
    return UserDetail(
        **_told(found.user, found.roles),
        has_password=found.has_password,
        factors=list(found.factors),
        sessions=found.sessions,
        keys=found.keys,
        accounts=[link.provider for link in found.user.links],
    )


def _told(user: "User", roles: tuple[str, ...]) -> dict[str, Any]:  # Any: checked by the view
    return {
        "id": user.id,
        "login": user.login,
        "tenant": user.tenant,
        "created": user.created,
        "enabled": user.enabled,
        "name": user.name,
        "email": user.email,
        "email_verified": user.email_verified,
        "phone": user.phone,
        "groups": list(user.groups),
        "roles": list(roles),
        "own_roles": list(user.roles),
    }
