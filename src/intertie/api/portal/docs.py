"""The pages of the gateway's API: all operations, and each with a form to try it."""

from urllib.parse import quote

from anyio import to_thread
from starlette.responses import JSONResponse, Response

from intertie.api.login import pages
from intertie.api.portal import sheet, tryout
from intertie.api.portal.desk import Guest
from intertie.api.portal.document import Json, Operation, Payload, by_service, operations
from intertie.errors import NotFoundError

_GATEWAY = "The gateway itself"
_WAYS = {"bearer": "a token", "apiKey": "an API key", "session": "a login"}


async def index(guest: Guest) -> Response:
    """All operations by service."""
    document, found = await _read(guest)
    raw = guest.portal.path("openapi.json")
    parts = [
        sheet.section(
            service or _GATEWAY,
            sheet.table(("Operation", "", "Open to"), [_line(guest, each) for each in group]),
        )
        for service, group in by_service(found).items()
    ]
    empty = "" if parts else pages.paragraph("Nothing is described yet.")
    link = f'<p><a href="{sheet.text(raw)}">The OpenAPI document</a></p>' if document else ""
    return guest.page("API", link, empty, *parts)


async def operation(guest: Guest) -> Response:
    """One operation. Raises NotFoundError."""
    wanted = guest.visit.query().get("id", "")
    _, found = await _read(guest)
    one = next((each for each in found if each.id == wanted), None)
    if one is None:
        raise NotFoundError(f"cannot find operation {wanted[:80]!r}")
    return guest.page(
        f"{one.method} {one.path}",
        pages.paragraph(one.summary) if one.summary else "",
        pages.paragraph(one.about) if one.about else "",
        pages.paragraph(f"Open to: {_open_to(one)}."),
        _parameters(one),
        sheet.section("Body", _payload(one.body)) if one.body else "",
        _answers(one),
        sheet.section("Try it", tryout.offer(one)),
        script=tryout.SCRIPT,
    )


async def raw(guest: Guest) -> Response:
    """The document itself."""
    document = await to_thread.run_sync(guest.portal.document)
    return guest.visit.answered(JSONResponse(document))


async def _read(guest: Guest) -> tuple[Json, list[Operation]]:
    def read() -> tuple[Json, list[Operation]]:
        document = guest.portal.document()
        return document, operations(document)

    return await to_thread.run_sync(read)


def _line(guest: Guest, one: Operation) -> tuple[str, ...]:
    url = guest.portal.path(f"api/operation?id={quote(one.id, safe='')}")
    name = sheet.code(f"{one.method} {one.path}")
    return (
        f'<a href="{sheet.text(url)}">{name}</a>',
        sheet.text(one.summary),
        sheet.text(_open_to(one)),
    )


def _open_to(one: Operation) -> str:
    return ", ".join(_WAYS.get(way, way) for way in one.ways) or "everybody"


def _parameters(one: Operation) -> str:
    rows = [
        (
            sheet.code(each.name),
            sheet.text(each.where),
            "yes" if each.needed else "",
            sheet.text(each.about),
            sheet.code(each.schema),
        )
        for each in one.parameters
    ]
    heads = ("Name", "In", "Needed", "", "Schema")
    return sheet.section("Parameters", sheet.table(heads, rows)) if rows else ""


def _answers(one: Operation) -> str:
    told = "".join(f"<h3>{sheet.text(code)}</h3>{_payload(answer)}" for code, answer in one.answers)
    return sheet.section("Answers", told) if told else ""


def _payload(told: Payload) -> str:
    kinds = ", ".join(map(sheet.code, told.kinds))
    parts = (
        pages.paragraph(told.about) if told.about else "",
        f"<p>{kinds}</p>" if kinds else "",
        f"<pre>{sheet.text(told.schema)}</pre>" if told.schema else "",
    )
    return "".join(parts)
