"""Turning pages: what the next call is told. Pure."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urldefrag, urljoin

from pydantic import BaseModel

from intertie.integrations.data import Cursor, LastId, LinkHeader, NextUrl, Numbered, Offset
from intertie.integrations.errors import LoopError, SchemaDriftError
from intertie.integrations.look import at, listed
from intertie.integrations.operation import Operation

MAX_PAGES = 10_000
_LONGEST = 8_000
"""Of an address; one that leads to itself from within may grow for ever."""
_LINK = re.compile(r"<([^<>]*)>((?:[^<>,\"]|\"[^\"]*\")*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)
_AS_IT_IS = "%/:?#[]@!$&'()*+,;=~"
Turn = Mapping[str, Any] | str | None  # Any: values of arguments
"""Arguments that differ, the address of the next page, or None: this was the last."""


class Turning:
    """Follows the pages of one call, and notices when it goes round in circles."""

    def __init__(self, operation: Operation[Any, Any], label: str) -> None:
        self._operation = operation
        self._label = label
        self._seen = set[str]()

    def after(
        self,
        page: Any,
        arguments: BaseModel,
        *,
        url: str,
        headers: Mapping[str, str],
    ) -> Turn:
        """What comes after this page. Raises LoopError."""
        turn = next_turn(self._operation, page, arguments, url=url, headers=headers)
        if turn is None:
            return None
        mark = repr(turn)
        if mark in self._seen or len(self._seen) >= MAX_PAGES:
            what = "come again and again" if mark in self._seen else f"are more than {MAX_PAGES}"
            raise LoopError(f"cannot read all pages of {self._label}: they {what}")
        self._seen.add(mark)
        return turn


def next_turn(
    operation: Operation[Any, Any],
    page: Any,
    arguments: BaseModel,
    *,
    url: str,
    headers: Mapping[str, str],
) -> Turn:
    """By the operation's kind of pages."""
    turn: Turn = None
    match operation.pages:
        case Cursor() as kind:
            is_last = kind.more and not at(page, kind.more)
            cursor = None if is_last else at(page, kind.next)
            turn = {kind.parameter: cursor} if cursor else None
        case LastId() as kind:
            things = listed(page, kind.items)
            is_more = at(page, kind.more) and things
            turn = {kind.parameter: at(things[-1], kind.id)} if is_more else None
        case Offset() as kind:
            turn = _offset(kind, page, arguments)
        case Numbered() as kind:
            turn = _numbered(kind, page, arguments)
        case NextUrl() as kind:
            found = at(page, kind.next)
            turn = _address(url, found, operation) if found else None
        case LinkHeader():
            link = _next_link(headers.get("link", ""))
            turn = _address(url, link, operation) if link else None
        case None:
            pass
    return turn


def _offset(kind: Offset, page: Any, arguments: BaseModel) -> Turn:
    here = int(getattr(arguments, kind.parameter, 0) or 0)
    count = len(listed(page, kind.items))
    there = here + count
    total = at(page, kind.total) if kind.total else None
    wanted = int(getattr(arguments, kind.limit, None) or 0)
    is_last = there >= total if isinstance(total, int) else count < wanted
    return None if is_last or not count else {kind.parameter: there}


def _numbered(kind: Numbered, page: Any, arguments: BaseModel) -> Turn:
    number = int(getattr(arguments, kind.parameter, None) or 1)
    pages = at(page, kind.total_pages) if kind.total_pages else None
    try:
        is_last = number >= int(pages) if pages is not None else not listed(page, kind.items)
    except (TypeError, ValueError):
        raise SchemaDriftError(f"cannot turn pages: `{kind.total_pages}` is no number") from None
    return None if is_last else {kind.parameter: number + 1}


def _next_link(header: str) -> str | None:
    """Of a `link` header (RFC 8288): the target whose relations have `next` among them."""
    for target, said in _LINK.findall(header):
        relations = _REL.search(said)
        if relations and "next" in (relations[1] or relations[2]).lower().split():
            return str(target)
    return None


def _address(here: str, there: object, operation: Operation[Any, Any]) -> str:
    """Whole, and of such characters only as an address may have."""
    try:
        if not isinstance(there, str):
            raise ValueError("it is no text")
        joined = urldefrag(urljoin(here, there.strip())).url
        if len(joined) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} characters")
    except ValueError as exc:
        what = f"cannot turn pages of {operation.name}: the next address is none: {exc}"
        raise SchemaDriftError(what) from None
    return quote(joined, safe=_AS_IT_IS)
