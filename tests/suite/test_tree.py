from pathlib import Path

from intertie.suite.tree import Entry, Items, Place, Scalar, Table, dotted, places, plain

FILE = Path("suite.yaml")


def at(line: int) -> Place:
    """A place."""
    return Place(FILE, line, 1)


def word(text: str, line: int) -> Scalar:
    """A text somewhere."""
    return Scalar(text, text, at(line))


TREE = Table(
    {
        "one": Entry(at(1), word("a", 1)),
        "two": Entry(at(2), Items((word("b", 3), word("c", 4)), at(3))),
    },
    at(1),
)


def test_a_way_is_written_as_people_do() -> None:
    """Keys are joined by dots, indexes stand in brackets."""
    assert dotted(("gateway", "routes", 0, "path")) == "gateway.routes[0].path"
    assert dotted(()) == ""


def test_plain_data_has_the_values_only() -> None:
    """A tree becomes dicts, lists and values."""
    assert plain(TREE) == {"one": "a", "two": ["b", "c"]}


def test_every_key_and_item_has_its_place() -> None:
    """Places are found by way; what was not written is found at what surrounds it."""
    where = places(TREE)

    assert where["two",] == at(2)
    assert where["two", 1] == at(4)
    assert where["two", 1, "nowhere", 7] == at(4)
    assert where["three",] == at(1)
    assert where.has(("two", 0))
    assert not where.has(("three",))


def test_a_replaced_value_keeps_the_place_of_its_key() -> None:
    """A table is changed by making another one."""
    changed = TREE.replace("one", word("z", 9)).replace("new", word("n", 8))

    assert plain(changed) == {"one": "z", "two": ["b", "c"], "new": "n"}
    assert changed.entries["one"].place == at(1)
    assert changed.entries["new"].place == at(8)
    assert plain(TREE.without("two", "four")) == {"one": "a"}


def test_a_missing_table_is_an_empty_one() -> None:
    """`table` never fails, `get` says None."""
    assert TREE.table("one").entries == {}
    assert TREE.get("three") is None
    assert Table({"t": Entry(at(5), TREE)}, at(5)).table("t") is TREE


def test_a_fault_does_not_quote_a_megabyte() -> None:
    """Long keys and messages are cut."""
    fault = at(1).fault(("k" * 1000,), "m" * 1000)

    assert len(str(fault)) < 1000
