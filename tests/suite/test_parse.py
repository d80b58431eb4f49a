from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.errors import Fault
from intertie.suite.parse import MAX_DEPTH, MAX_NODES, parse
from intertie.suite.tree import Table, places, plain

FILE = Path("suite.yaml")


def data(text: str) -> object:
    """The data of a text without faults."""
    faults: list[Fault] = []
    node = parse(text, FILE, faults)
    assert node is not None
    assert faults == []
    return plain(node)


def told(text: str) -> list[str]:
    """What people read about a text."""
    faults: list[Fault] = []
    parse(text, FILE, faults)
    return [str(fault) for fault in faults]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("~", None),
        ("", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("no", "no"),
        ("0x1F", 31),
        ("0o17", 15),
        ("012", 12),
        ("1_000", "1_000"),
        ("-7", -7),
        ("1.5e3", 1500.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ('"12"', "12"),
        ("'~'", "~"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!float 12", 12.0),
        ("!!int 12", 12),
    ],
)
def test_words_have_the_types_of_the_core_schema(word: str, value: object) -> None:
    """YAML 1.2, not 1.1: `no` is a policy, not false; a date is text."""
    found = data(f"key: {word}\n")

    assert found == {"key": value}
    assert isinstance(found, dict)
    assert type(found["key"]) is type(value)


def test_each_key_has_its_line_and_column() -> None:
    """Places are 1-based and those of the key."""
    node = parse("a: 1\nb:\n  c: [x, y]\n", FILE, [])

    assert node is not None
    where = places(node)
    spots = {keys: (p.line, p.column) for keys, p in where.by_keys.items()}
    assert spots == {
        (): (1, 1),
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", "c"): (3, 3),
        ("b", "c", 0): (3, 7),
        ("b", "c", 1): (3, 10),
    }


def test_aliases_and_merge_keys_bring_their_own_places() -> None:
    """A fault in a merged key is told where it was written."""
    text = """\
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
both: {<<: [*base, *more], c: 5}
same: *base
"""
    node = parse(text, FILE, [])

    assert isinstance(node, Table)
    found = plain(node)
    assert found == {
        "base": {"a": 1, "b": 2},
        "more": {"b": 3, "c": 4},
        "both": {"a": 1, "b": 2, "c": 5},
        "same": {"a": 1, "b": 2},
    }
    assert places(node)["both", "a"].line == 1


def test_a_quoted_merge_sign_is_a_key_like_any_other() -> None:
    """Only the plain word `<<` merges."""
    assert data('"<<": {a: 1}') == {"<<": {"a": 1}}


def test_an_empty_file_has_no_document() -> None:
    """Nothing is not a fault here; whoever needs a table says so."""
    faults: list[Fault] = []

    assert parse("# nothing\n", FILE, faults) is None
    assert faults == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: a: the key stands here twice, first on line 1"),
        ("a: [1, 2\n", "2:1: cannot read the YAML while parsing a flow sequence: expected ',' or"),
        ("a: b: c\n", "1:5: cannot read the YAML: mapping values are not allowed here"),
        ("a: 1\nb: \x07\n", "2:4: expected printable text, got a control character"),
        ("a: 1\n---\nb: 1\n", "2:1: expected one YAML document, got a second one"),
        ("a: *b\n", "1:4: a: expected an anchor `&b` written out before this place, got none"),
        ("a: &a [*a]\n", "1:8: a[0]: expected an anchor `&a` written out before this place"),
        ("a: &a [1]\n*a : b\n", "2:1: expected a plain word as key"),
        ("{a: 1}: b\n", "1:1: expected a plain word as key"),
        ("a: {<<: 1}\n", "1:9: a.<<: expected an alias of a map, or a list of such"),
        ("a: !!int x\n", "1:4: a: expected int after `!!int`, got x"),
        ("a: !!python/object x\n", "1:4: a: expected no tag, got `tag:yaml.org,2002:python/obj"),
        ("a: !!set {b}\n", "1:4: a: expected no tag, got `tag:yaml.org,2002:set`"),
        ('a: "x\\0"\n', "1:4: a: expected text, got half a character or a NUL"),
        ('a: "\\ud800"\n', "1:4: a: expected text, got half a character or a NUL"),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_place(text: str, fault: str) -> None:
    """One mistake, one fault, and no exception."""
    [found] = told(text)

    assert found.startswith(f"suite.yaml:{fault}")


def test_a_bare_reference_in_brackets_is_told_to_be_quoted() -> None:
    """The brace of `${…}` ends a flow list for YAML; the hint says what to do."""
    assert told("a: [${env:X}]")[0].endswith("put text with ${…} in quotes)")


def test_deep_nesting_ends_early() -> None:
    """The parser takes minutes for a hundred thousand brackets; we look at forty."""
    for text in ("[" * 100_000, "- " * 100_000, "{a: " * 100_000):
        [fault] = told(text)
        assert f"expected at most {MAX_DEPTH} levels of nesting, got more" in fault

    [fault] = told("? " * 100_000)
    assert "expected a plain word as key" in fault


def test_aliases_of_aliases_are_counted_as_written_out() -> None:
    """Ten levels of ten aliases each would be ten thousand million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]

    [fault] = told("\n".join(lines))

    assert f"expected at most {MAX_NODES:,} values" in fault


@given(st.text(alphabet="ab:-[]{}&*<!|>'\"#%@\\,? \n\t~0\x00é", max_size=60))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    """Every text gives a tree, nothing, or faults that name a line of it."""
    faults: list[Fault] = []

    parse(text, FILE, faults)

    assert all(1 <= fault.line <= text.count("\n") + 2 for fault in faults)
