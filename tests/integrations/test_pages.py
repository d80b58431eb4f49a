"""Turning pages ends, and loses nothing."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from intertie.integrations.data import Cursor, LastId, LinkHeader, NextUrl, Numbered, Offset, Pages
from intertie.integrations.errors import IntegrationError, LoopError, SchemaDriftError
from intertie.integrations.operation import Answer, Arguments, get
from intertie.integrations.pages import MAX_PAGES, Turning, next_turn
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
URL = "https://api.shop.example/v1/items?page=1"


class Where(Arguments):
    """Which page."""

    cursor: str | None = None
    offset: int = 0
    limit: int = 3
    page: int = 1
    after: int | None = None


class Page(Answer):
    """Whatever a vendor says."""

    items: Any = None
    next: Any = None
    more: Any = None
    total: Any = None


KINDS: dict[str, Pages] = {
    "cursor": Cursor("items", next="next", parameter="cursor"),
    "last id": LastId("items", more="more", parameter="after"),
    "offset": Offset("items"),
    "offset of total": Offset("items", total="total"),
    "numbered": Numbered("items"),
    "numbered of total": Numbered("items", total_pages="total"),
    "next url": NextUrl("items", next="next"),
    "link": LinkHeader("items"),
}


def things(first: int, count: int) -> list[dict[str, int]]:
    """So many, with ids from `first` on."""
    return [{"id": number} for number in range(first, first + count)]


def played(kind: str, total: int, where: Where, url: str) -> tuple[Page, dict[str, str]]:
    """What a good vendor answers that has so many things, 3 a page."""
    begin = {
        "cursor": int(where.cursor or 0),
        "last id": 0 if where.after is None else where.after + 1,
        "offset": where.offset,
        "numbered": (where.page - 1) * 3,
        "next url": int(url.partition("from=")[2] or 0),
        "link": int(url.partition("from=")[2] or 0),
    }[kind.removesuffix(" of total")]
    items = things(begin, max(min(3, total - begin), 0))
    there = begin + 3
    more = there < total
    page = Page(items=items, more=more)
    if kind == "cursor":
        page = Page(items=items, next=str(there) if more else "")
    elif kind == "next url":
        page = Page(items=items, next=f"?from={there}" if more else None)
    elif kind.startswith("offset"):
        page = Page(items=items, total=total)
    elif kind.startswith("numbered"):
        page = Page(items=items, total=str(-(-total // 3)))
    link = f'<?from={there}>; rel="next"' if kind == "link" and more else ""
    return page, {"link": link}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(total=st.integers(0, 40))
def test_every_thing_comes_once_and_in_order(kind: str, total: int) -> None:
    """However many there are, of each kind of pages."""
    operation = get("/items", Where, Page, pages=KINDS[kind])
    turning, where, url = Turning(operation, "a/b"), Where(), URL
    found: list[int] = []
    for _ in range(50):
        page, headers = played(kind, total, where, url)
        found += [each["id"] for each in page.items]
        turn = turning.after(page, where, url=url, headers=headers)
        if turn is None:
            break
        url = turn if isinstance(turn, str) else url
        where = where if isinstance(turn, str) else where.model_copy(update=dict(turn))

    assert found == list(range(total))


JSON = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=3)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@example(items=[], said="[", link="<>;rel=next")
@example(items=[1], said="https://[", link="<https://[>; rel=next")
@example(items=[1], said="many", link='<a>; title="x, y"; rel="prev next"')
@given(items=JSON, said=JSON | st.dictionaries(st.text(), JSON), link=st.text())
def test_whatever_a_vendor_says_gives_a_page_an_end_or_an_error_of_ours(
    kind: str, items: Any, said: Any, link: str
) -> None:
    """Nothing else escapes."""
    operation = get("/items", Where, Page, pages=KINDS[kind])
    page = Page(items=items, next=said, more=said, total=said)
    try:
        turn = next_turn(operation, page, Where(), url=URL, headers={"link": link})
    except IntegrationError:
        return

    assert turn is None or isinstance(turn, str | dict)


@pytest.mark.parametrize("kind", ["cursor", "next url", "link", "last id"])
def test_the_same_page_again_is_an_error(kind: str) -> None:
    """A vendor that goes round in circles is asked no more."""
    operation = get("/items", Where, Page, pages=KINDS[kind])
    turning = Turning(operation, "a/b")
    page, headers = Page(items=things(0, 3), next="c", more=True), {"link": "<c>; rel=next"}
    turning.after(page, Where(), url=URL, headers=headers)

    with pytest.raises(LoopError, match="pages of a/b: they come again and again"):
        turning.after(page, Where(), url=URL, headers=headers)


@pytest.mark.parametrize("kind", ["offset", "numbered"])
def test_pages_that_never_end_end_at_a_number(kind: str) -> None:
    """Also where each has another name."""
    operation = get("/items", Where, Page, pages=KINDS[kind])
    turning, where = Turning(operation, "a/b"), Where()
    page = Page(items=things(0, 3))

    for _ in range(MAX_PAGES):
        turn = turning.after(page, where, url=URL, headers={})
        assert isinstance(turn, dict)
        where = where.model_copy(update=turn)

    with pytest.raises(LoopError, match=f"more than {MAX_PAGES}"):
        turning.after(page, where, url=URL, headers={})


@pytest.mark.parametrize(
    ("link", "there"),
    [
        ('<https://x.example/?p=2>; rel="next"', "https://x.example/?p=2"),
        ("<?p=2>;rel=next", "https://api.shop.example/v1/items?p=2"),
        ('<?p=0>; rel="prev", <?p=2,3>; rel="next"', "https://api.shop.example/v1/items?p=2,3"),
        ('<?p=2>; title="a, b"; rel="next"', "https://api.shop.example/v1/items?p=2"),
        ('<?p=2>; rel="prefetch NEXT"', "https://api.shop.example/v1/items?p=2"),
        ('<?p=2>; REL = next; type="a"', "https://api.shop.example/v1/items?p=2"),
        ('<?p=2>; rel="next-archive"', None),
        ('<?p=2>; rel="prev"; title="rel=next"', None),
        ('<?p=2>; xrel="next"', None),
        ("<?p=1>, rel=next", None),
        ("next", None),
        ("", None),
    ],
)
def test_the_header_is_read_as_its_standard_says(link: str, there: str | None) -> None:
    """RFC 8288: several relations, quotes, commas within quotes, any case."""
    operation = get("/items", Where, Page, pages=LinkHeader())

    assert next_turn(operation, Page(), Where(), url=URL, headers={"link": link}) == there


def test_a_header_made_to_be_slow_is_not() -> None:
    """A vendor's 8 kB hold up nobody else."""
    operation = get("/items", Where, Page, pages=LinkHeader())
    for link in ("<a>" * 2700, "<a>;" + "; " * 4000, '<a>;"' * 1600, "<" * 8000):
        assert next_turn(operation, Page(), Where(), url=URL, headers={"link": link}) is None


def test_an_address_that_grows_with_each_page_ends() -> None:
    """Before it is longer than anybody takes."""
    operation = get("/items", Where, Page, pages=KINDS["next url"])
    turning, url, page = Turning(operation, "a/b"), URL, Page(next="a/a/a/a/a/a/b")
    while len(url) < 7_950:
        turn = turning.after(page, Where(), url=url, headers={})
        assert isinstance(turn, str)
        url = turn

    with pytest.raises(SchemaDriftError, match="longer than 8000"):
        turning.after(Page(next="a" * 100), Where(), url=url, headers={})


@settings(max_examples=30)
@given(at_most=st.integers(0, 12))
async def test_no_page_is_asked_for_that_nobody_wants(at_most: int) -> None:
    """Only as many as hold what was asked for."""
    stage = Stage()
    pages = iter(range(100))

    def page(request: object) -> Any:
        number = next(pages)
        items = [{"id": str(number * 3 + each)} for each in range(3)]
        return answer({"items": items, "next": str(number + 1)})

    stage.vendor.answers = page
    shop = stage.made(Shop, config=CONFIG)

    found = [each.id async for each in shop.search.every(q="a", at_most=at_most)]

    assert found == [str(each) for each in range(at_most)]
    assert len(stage.vendor.asked) == -(-at_most // 3)


async def test_the_given_cursor_is_where_it_begins() -> None:
    """And the arguments of the first page are those of all."""
    stage = Stage()
    told = iter([answer({"next": "c2"}), answer({"next": None})])
    stage.vendor.answers = lambda request: next(told)

    async for _ in stage.made(Shop, config=CONFIG).search.pages(q="a b", cursor="c1"):
        pass

    assert [each.url.partition("?")[2] for each in stage.vendor.asked] == [
        "q=a%20b&cursor=c1",
        "q=a%20b&cursor=c2",
    ]
