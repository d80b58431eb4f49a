"""The pages of a user's own API keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from starlette.responses import Response

from intertie.api.login import pages
from intertie.api.portal import sheet
from intertie.api.portal.desk import Guest
from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.identity.keys import Key, NewKey, active
from intertie.identity.sso import LoginRefusedError

MOST = 100
"""Keys of one user, revoked ones included."""
_DAYS = {"90": "90 days", "30": "30 days", "365": "a year", "": "no end"}
"""The first is chosen unless another is."""
_OVERLAP_S = 86400.0
_STALE = "cannot make or rotate a key: your login is too long ago; log in again, then come back"


async def show(guest: Guest) -> Response:
    """All of them, and a form for another."""
    return await _list(guest)


async def create(guest: Guest) -> Response:
    """A new one. Its text is on the page that answers, and nowhere else."""
    fields = await guest.visit.form()
    _require_fresh(guest)
    kept = await guest.portal.identities.keys.of_owner(guest.principal.id)
    if len(kept) >= MOST:
        raise ConflictError(f"cannot make an API key: you have {MOST}; remove some first")
    made = await guest.portal.identities.keys.create(
        guest.actor,
        fields.get("name", ""),
        tenant=guest.principal.tenant,
        owner=guest.principal.id,
        roles=_roles(guest, fields),
        scopes=fields.get("scopes", "").split(),
        expires=_expires(guest, fields.get("days", "90")),
    )
    return _once(guest, made, "Your new API key")


async def rotate(guest: Guest) -> Response:
    """A new text for one; the one before opens for a day more."""
    await guest.visit.form()
    _require_fresh(guest)
    key = await _own(guest)
    made = await guest.portal.identities.keys.rotate(guest.actor, key.id, overlap_s=_OVERLAP_S)
    return _once(guest, made, "The new text of your API key")


async def revoke(guest: Guest) -> Response:
    """End one for good."""
    await guest.visit.form()
    key = await _own(guest)
    await guest.portal.identities.keys.revoke(guest.actor, key.id)
    return await _list(guest, f"The API key {key.name} is revoked.")


async def remove(guest: Guest) -> Response:
    """End one, and take it out of the list."""
    await guest.visit.form()
    key = await _own(guest)
    await guest.portal.identities.keys.delete(guest.actor, key.id)
    return await _list(guest, f"The API key {key.name} is removed.")


async def _own(guest: Guest) -> Key:
    """The key of the address. Raises NotFoundError: those of others are as if not there."""
    id = str(guest.visit.request.path_params["id"])
    key = await guest.portal.identities.keys.get(id)
    if key.owner != guest.principal.id or key.tenant != guest.principal.tenant:
        raise NotFoundError(f"cannot find API key {id[:80]!r}")
    return key


async def _list(guest: Guest, done: str = "") -> Response:
    keys = guest.portal.identities.keys
    found = sorted(
        await keys.of_owner(guest.principal.id), key=lambda key: key.created, reverse=True
    )
    used = {key.id: await keys.last_used(key.id) for key in found[:MOST]}
    mark = guest.visit.form_mark()
    now = guest.portal.desk.tools.now()
    rows = [_row(guest, key, used[key.id], now, mark) for key in found[:MOST]]
    heads = ("Name", "Key", "Roles and scopes", "Made", "Ends", "Last used", "")
    return guest.page(
        "API keys",
        sheet.status(done),
        sheet.section("Your keys", sheet.table(heads, rows, none="You have none yet.")),
        sheet.section("Another key", _form(guest, mark)),
    )


def _row(guest: Guest, key: Key, used: datetime | None, now: datetime, mark: str) -> Sequence[str]:
    opens = active(key, now)
    texts = ", ".join(sheet.code(f"itk_{key.id}_…{each.last4}") for each in opens)
    state = "revoked" if key.revoked else "expired"
    return (
        sheet.text(key.name),
        texts or f'<span class="dim">{state}</span>',
        sheet.text(_rights(key)),
        sheet.moment(key.created),
        sheet.moment(key.revoked or key.expires, none="never"),
        sheet.moment(used, none="never"),
        _buttons(guest, key, mark, opens=bool(opens)),
    )


def _rights(key: Key) -> str:
    roles = ", ".join(key.roles) or "all your roles"
    return f"{roles}; {' '.join(key.scopes)}" if key.scopes else roles


def _buttons(guest: Guest, key: Key, mark: str, *, opens: bool) -> str:
    path = guest.portal.path(f"keys/{key.id}")
    if not opens:
        return pages.form(f"{path}/remove", mark, button="Remove")
    rotate_it = pages.form(f"{path}/rotate", mark, button="Rotate") if guest.is_fresh else ""
    return rotate_it + pages.form(f"{path}/revoke", mark, button="Revoke")


def _form(guest: Guest, mark: str) -> str:
    if not guest.is_fresh:
        told = "To make or rotate a key, log in again: a key is a way in that lasts."
        return (
            pages.paragraph(told) + f'<p><a href="{sheet.text(guest.again)}">Log in again</a></p>'
        )
    yours = " ".join(guest.principal.roles)
    return pages.form(
        guest.portal.path("keys"),
        mark,
        sheet.field("name", "Name", needed=True),
        sheet.field("roles", "Roles (empty: all of yours, as they change)", hint=yours),
        sheet.field("scopes", "Scopes (empty: no limit)", hint="orders:read orders:write"),
        pages.choice("days", "Ends after", list(_DAYS.items())),
        button="Make the key",
    )


def _once(guest: Guest, made: NewKey, title: str) -> Response:
    return guest.page(
        title,
        sheet.section(
            made.key.name,
            f'<pre id="key">{sheet.text(made.text)}</pre>',
            pages.paragraph("Copy it now: it is shown this once, and kept nowhere."),
            pages.paragraph("Send it as the header x-api-key. It works in a moment."),
        ),
        f'<p><a href="{sheet.text(guest.portal.path())}">Back to your keys</a></p>',
    )


def _roles(guest: Guest, fields: Mapping[str, str]) -> Sequence[str]:
    wanted = fields.get("roles", "").replace(",", " ").split()
    lacking = sorted(set(wanted) - set(guest.principal.roles))
    if lacking:
        raise IntertieError(f"cannot give the key role {lacking[0][:80]!r}: you do not have it")
    return wanted


def _expires(guest: Guest, days: str) -> datetime | None:
    if days not in _DAYS:
        raise IntertieError("cannot make an API key: choose one of the times offered")
    return guest.portal.desk.tools.now() + timedelta(days=int(days)) if days else None


def _require_fresh(guest: Guest) -> None:
    if not guest.is_fresh:
        raise LoginRefusedError(_STALE)
