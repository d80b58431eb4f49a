"""The pages of users, keys, tenants and the audit trail."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response

from intertie.api.admin.wire import Caller
from intertie.api.portal import sheet
from intertie.control.audit import Trail
from intertie.control.keys import KeyInfo
from intertie.control.people import Wanted
from intertie.control.tenants import TenantInfo
from intertie.errors import NotFoundError
from intertie.identity.audit import Entry

if TYPE_CHECKING:  # its libraries are large, and a suite without identities needs none of them
    from intertie.identity.users import User

_ROWS = 100
_MAX_DIGITS = 9


async def people(caller: Caller) -> Response:
    """Users, keys and tenants within the caller's reach."""
    page = _number(caller, "page") or 1
    control = caller.control.identity
    users, all_users = await control.people.list(caller.actor, Wanted(), page=page, limit=_ROWS)
    keys, all_keys = await control.keys.list(caller.actor, page=page, limit=_ROWS)
    tenants = await control.tenants.list(caller.actor)
    return caller.page(
        "Users and keys",
        sheet.section(
            f"Users ({all_users})",
            sheet.table(
                ("Login", "Name", "Tenant", "E-mail", "Groups", "Roles", "State", ""),
                [_user(caller, each) for each in users],
            ),
        ),
        sheet.section(
            f"API keys ({all_keys})",
            sheet.table(
                ("Name", "Tenant", "Key", "Roles and scopes", "State", "Last used", ""),
                [_key(caller, each) for each in keys],
            ),
        ),
        _turn(caller, page, max(all_users, all_keys)),
        sheet.section(
            "Tenants",
            sheet.table(("Tenant", "Users", "Keys"), [_tenant(each) for each in tenants]),
        ),
    )


async def audit(caller: Caller) -> Response:
    """The newest rows of the trail, or those before one."""
    trail = Trail(before=_number(caller, "before"))
    rows, following = await caller.control.identity.audit.page(caller.actor, trail, limit=_ROWS)
    url = caller.path(f"audit?before={following}")
    older = f'<p><a href="{sheet.text(url)}">Older</a></p>' if following else ""
    heads = ("Time", "Who", "Way", "What", "Of", "Outcome", "")
    table = sheet.table(heads, [_entry(each) for each in rows])
    return caller.page("Audit trail", sheet.section("Newest first", table), older)


async def act_on_user(caller: Caller) -> Response:
    """Let a user in again, shut it out, or log it out. Raises NotFoundError."""
    people = caller.control.identity.people
    verbs: dict[str, Callable[..., Awaitable[User]]] = {
        "enable": people.enable,
        "disable": people.disable,
        "logout": people.end_sessions,
    }
    verb = verbs.get(caller.request.path_params["verb"])
    if verb is None:
        raise NotFoundError("cannot do this with a user: choose enable, disable or logout")
    await verb(caller.actor, caller.request.path_params["id"])
    await caller.control.settle()
    return caller.back("people")


async def revoke(caller: Caller) -> Response:
    """End an API key for good. Raises NotFoundError."""
    await caller.control.identity.keys.revoke(caller.actor, caller.request.path_params["id"])
    await caller.control.settle()
    return caller.back("people")


def _number(caller: Caller, name: str) -> int | None:
    """Of the address; None when it is none, or too large to be one of ours."""
    told = caller.request.query_params.get(name, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) <= _MAX_DIGITS else None


def _turn(caller: Caller, page: int, total: int) -> str:
    links = [(page - 1, "Before")] if page > 1 else []
    if page * _ROWS < total:
        links.append((page + 1, "More"))
    told = (
        f'<a href="{sheet.text(caller.path(f"people?page={number}"))}">{text}</a>'
        for number, text in links
    )
    return f"<p>{' '.join(told)}</p>" if links else ""


def _user(caller: Caller, user: "User") -> Sequence[str]:
    verb, text = ("disable", "Disable") if user.enabled else ("enable", "Enable")
    buttons = caller.button(f"users/{user.id}/{verb}", text)
    if user.enabled:
        buttons += caller.button(f"users/{user.id}/logout", "Log out")
    return (
        sheet.text(user.login),
        sheet.text(user.name),
        sheet.text(user.tenant),
        sheet.text(user.email),
        sheet.text(", ".join(user.groups)),
        sheet.text(", ".join(caller.control.identity.people.roles(caller.actor, user))),
        "enabled" if user.enabled else "disabled",
        buttons,
    )


def _key(caller: Caller, info: KeyInfo) -> Sequence[str]:
    key = info.key
    rights = ", ".join(key.roles) or ("those of its owner" if key.owner else "none")
    return (
        sheet.text(key.name),
        sheet.text(key.tenant),
        sheet.code(f"itk_{key.id}"),
        sheet.text(f"{rights}; {' '.join(key.scopes)}" if key.scopes else rights),
        sheet.text(info.state),
        sheet.moment(info.last_used, none="never"),
        caller.button(f"keys/{key.id}/revoke", "Revoke") if info.state == "active" else "",
    )


def _tenant(info: TenantInfo) -> Sequence[str]:
    return sheet.text(info.name), sheet.text(info.users), sheet.text(info.keys)


def _entry(entry: Entry) -> Sequence[str]:
    return (
        sheet.text(entry.at[:16].replace("T", " ")),
        sheet.text(entry.actor),
        sheet.text(entry.via),
        sheet.code(entry.action),
        sheet.text(entry.target),
        sheet.text(entry.outcome),
        sheet.code(entry.detail),
    )
