"""The page of what is left of a user's limits, and of those of its keys."""

from starlette.responses import Response

from intertie.api.portal import sheet
from intertie.api.portal.desk import Guest, Usage
from intertie.identity.keys import active

_MOST_KEYS = 20
_HEADS = ("Who", "Limit", "Routes", "Allowed", "Used", "Left", "More in")


async def show(guest: Guest, usage: Usage) -> Response:
    """One row for each limit of each client."""
    rows: list[tuple[str, ...]] = []
    for name, client in await _clients(guest):
        rows += [
            (
                sheet.text(name),
                sheet.text(each.policy),
                sheet.code(each.route),
                sheet.text(f"{each.limit} in {each.window_s} s"),
                sheet.text(each.used),
                sheet.text(each.remaining),
                sheet.text(f"{each.reset_s} s" if each.used else ""),
            )
            for each in await usage(client, guest.principal.tenant)
        ]
    told = sheet.table(_HEADS, rows, none="Nothing limits you.")
    return guest.page("Usage", sheet.section("Your limits now", told))


async def _clients(guest: Guest) -> list[tuple[str, str]]:
    found = await guest.portal.identities.keys.of_owner(guest.principal.id)
    now = guest.portal.desk.tools.now()
    keys = [(f"key {key.name}", f"key:{key.id}") for key in found if active(key, now)]
    return [("you, logged in", guest.principal.client), *keys[:_MOST_KEYS]]
