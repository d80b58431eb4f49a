"""Operations: data that can be called."""

import pytest

from intertie.integrations.data import Cursor, Key
from intertie.integrations.errors import InvalidError
from intertie.integrations.operation import (
    Bound,
    Empty,
    Nothing,
    Operation,
    delete,
    get,
    graphql,
    operations_of,
    patch,
    post,
    put,
)
from tests.integrations.shop import CONFIG, Id, Item, Pay, Search, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


def test_money_without_a_key_is_no_operation() -> None:
    """It does not even load, unless it says that it is never tried again."""
    with pytest.raises(TypeError, match="POST /pay moves money: give `key` or `never_again`"):
        post("/pay", Pay, Empty, effect="money")

    assert post("/pay", Pay, Empty, effect="money", key=Key()).may_repeat
    assert not post("/pay", Pay, Empty, effect="money", never_again=True).may_repeat


@pytest.mark.parametrize(
    ("operation", "repeats"),
    [
        (get("/a", Nothing, Empty), True),
        (post("/a", Nothing, Empty), False),
        (post("/a", Nothing, Empty, effect="read"), True),
        (post("/a", Nothing, Empty, key=Key()), True),
        (patch("/a", Nothing, Empty), False),
        (put("/a", Nothing, Empty), True),
        (delete("/a", Nothing, Empty), True),
        (put("/a", Nothing, Empty, effect="message"), False),
        (put("/a", Nothing, Empty, effect="message", key=Key()), True),
        (put("/a", Nothing, Empty, never_again=True), False),
        (delete("/a", Nothing, Empty, never_again=True), False),
        (graphql("mutation { a }", Nothing, Empty), False),
    ],
)
def test_only_what_is_the_same_twice_is_repeated(
    operation: Operation[Nothing, Empty], repeats: bool
) -> None:
    """What says that it is never tried again is not, whatever its method."""
    assert operation.may_repeat is repeats


def test_an_operation_has_the_name_that_it_has_in_its_connector() -> None:
    """Also one that two of them share, and one that is inherited or replaced."""

    class More(Shop):
        kind = "more"
        ping = get("/ping/2", Nothing, Empty)
        extra = get("/extra", Nothing, Empty)

    assert list(More.operations) == [*Shop.operations, "extra"]
    assert More.operations["ping"].path == "/ping/2"
    assert Shop.operations["ping"].path == "/ping"
    assert [each.name for each in operations_of(More)] == list(More.operations)


def test_on_the_class_it_is_data_and_on_a_connection_it_is_called() -> None:
    """So that tools can read it without a connection."""
    shop = Stage().made(Shop, config=CONFIG)

    assert isinstance(Shop.item, Operation)
    assert isinstance(shop.item, Bound)
    assert Shop.item.in_path == {"id"}


async def test_arguments_come_as_their_model_or_by_name() -> None:
    """Or both: a name counts more."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"id": "x"})
    shop = stage.made(Shop, config=CONFIG)

    await shop.search(Search(q="a"))
    await shop.search(q="a")
    await shop.search(Search(q="b", cursor="c"), q="a")
    found = await shop.item(Id(id="1"))

    queries = [each.url.partition("?")[2] for each in stage.vendor.asked]
    assert queries == ["q=a", "q=a", "q=a&cursor=c", ""]
    assert found == Item(id="x")


async def test_arguments_that_make_no_sense_are_not_sent() -> None:
    """All faults at once, by name; values are not repeated."""
    stage = Stage()
    shop = stage.made(Shop, config=CONFIG)

    with pytest.raises(InvalidError) as caught:
        await shop.search(q="s3cr3t" * 100, page=1)

    assert set(caught.value.fields) == {"q", "page"}
    assert "s3cr3t" not in str(caught.value)
    assert stage.vendor.asked == []


def test_pages_are_a_part_of_what_is_read() -> None:
    """Tools that list operations see them."""
    assert Shop.search.pages == Cursor("items", next="next", parameter="cursor")
    assert Shop.ping.pages is None
