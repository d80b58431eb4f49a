"""REST routes of groups, roles and tenants."""

from dataclasses import asdict
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Response

from intertie.api.access import Manager, Observer, Use
from intertie.api.identity_models import (
    GroupBody,
    GroupPage,
    GroupView,
    RatesView,
    RolePage,
    RoleView,
    RouteView,
    TenantPage,
    TenantView,
    UsedView,
    UserPage,
)
from intertie.api.identity_route import IdentityRoute, part
from intertie.api.identity_users import view
from intertie.control.tenants import TenantInfo
from intertie.suite.values import Name

Page = Annotated[int, Query(ge=1, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]

groups = APIRouter(prefix="/api/groups", tags=["groups"], route_class=IdentityRoute)
roles = APIRouter(prefix="/api/roles", tags=["roles"], route_class=IdentityRoute)
tenants = APIRouter(prefix="/api/tenants", tags=["tenants"], route_class=IdentityRoute)


@groups.get("")
async def list_groups(
    control: Use, actor: Observer, tenant: Name | None = None, page: Page = 1, limit: Limit = 100
) -> GroupPage:
    """Groups of the suite file, then those that were made; users of one: `/api/users?group=…`."""
    found = [
        GroupView(**asdict(each)) for each in await control.identity.groups.list(actor, tenant)
    ]
    items = part(found, page, limit)
    return GroupPage(items=items, page=page, limit=limit, total=len(found))


@groups.post("", status_code=201)
async def create_group(
    control: Use, actor: Manager, body: GroupBody, response: Response
) -> GroupView:
    """A new group."""
    made = await control.identity.groups.create(
        actor, body.name, tenant=body.tenant, description=body.description
    )
    response.headers["location"] = f"/api/groups/{quote(made.name, safe='')}?tenant={made.tenant}"
    return GroupView(**asdict(made))


@groups.get("/{name:path}")
async def show_group(
    control: Use, actor: Observer, name: str, tenant: Name | None = None
) -> GroupView:
    """One group."""
    return GroupView(**asdict(await control.identity.groups.show(actor, name, tenant)))


@groups.delete("/{name:path}", status_code=204)
async def delete_group(control: Use, actor: Manager, name: str, tenant: Name | None = None) -> None:
    """Take everyone out of it and remove it."""
    await control.identity.groups.delete(actor, name, tenant=tenant)


@roles.get("")
async def list_roles(control: Use, actor: Observer, page: Page = 1, limit: Limit = 100) -> RolePage:
    """Roles that the suite file names: which groups give them, which routes need them."""
    found = await control.identity.roles.list(actor)
    items = [RoleView(**asdict(each)) for each in part(found, page, limit)]
    return RolePage(items=items, page=page, limit=limit, total=len(found))


@roles.get("/{name}")
async def show_role(control: Use, actor: Observer, name: str) -> RoleView:
    """One role."""
    return RoleView(**asdict(await control.identity.roles.show(actor, name)))


@roles.get("/{name}/users")
async def holders(
    control: Use, actor: Manager, name: str, page: Page = 1, limit: Limit = 100
) -> UserPage:
    """Users who have it, by a group or of their own."""
    found, total = await control.identity.roles.holders(actor, name, page=page, limit=limit)
    items = [view(control, actor, user) for user in found]
    return UserPage(items=items, page=page, limit=limit, total=total)


@tenants.get("")
async def list_tenants(
    control: Use, actor: Observer, page: Page = 1, limit: Limit = 100
) -> TenantPage:
    """Tenants of the suite file."""
    found = await control.identity.tenants.list(actor)
    items = [_tenant(each) for each in part(found, page, limit)]
    return TenantPage(items=items, page=page, limit=limit, total=len(found))


@tenants.get("/{name}")
async def show_tenant(control: Use, actor: Observer, name: str) -> TenantView:
    """One tenant."""
    return _tenant(await control.identity.tenants.show(actor, name))


@tenants.get("/{name}/usage")
async def usage(
    control: Use,
    actor: Manager,
    name: str,
    client: Annotated[str | None, Query(pattern=r"^(user|key|service):[!-~]{1,254}$")] = None,
) -> list[UsedView]:
    """How much of its limits is used, or of those of one client; nothing is taken by asking."""
    found = await control.identity.tenants.usage(actor, name, client)
    return [UsedView(**asdict(each)) for each in found]


def _tenant(info: TenantInfo) -> TenantView:
    tenant = info.tenant
    return TenantView(
        name=info.name,
        users=info.users,
        keys=info.keys,
        rate_limits=RatesView(**tenant.rate_limits.model_dump()),
        features=list(tenant.features),
        sla=tenant.sla,
        domains=list(tenant.domains),
        session_duration=tenant.session_duration,
        routes=[
            RouteView(path=route.path, methods=list(route.methods), service=route.service)
            for route in tenant.routes
        ],
    )
