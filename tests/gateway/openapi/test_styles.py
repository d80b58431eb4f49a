"""Values of parameters as they stand in text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.openapi.model import Style
from intertie.gateway.openapi.shape import Raw, Shape, Shapes
from intertie.gateway.openapi.styles import StyleError, from_path, from_query, inside, read_query

TEXT: Any = {"type": "string"}
LIST: Any = {"type": "array", "items": TEXT}
OBJECT: Any = {"type": "object", "properties": {"R": TEXT, "G": LIST}}


def shape(schema: Any) -> Shape:
    """The shape of a schema."""
    return Shapes({}, "#/").of(schema)


def ask(query: str, schema: Any, style: Style = "form", *, explode: bool = True) -> Raw | None:
    """The value of `c` in a query."""
    return from_query("c", shape(schema), read_query(query), style=style, explode=explode)


@pytest.mark.parametrize(
    ("query", "schema", "style", "explode", "value"),
    [
        ("c=blue", TEXT, "form", True, "blue"),
        ("c=", TEXT, "form", True, ""),
        ("c", TEXT, "form", True, ""),
        ("c=a+b%2Bc", TEXT, "form", True, "a b+c"),
        ("c=%FF", TEXT, "form", True, "\ufffd"),
        ("d=1", TEXT, "form", True, None),
        ("c=a&c=b", LIST, "form", True, ["a", "b"]),
        ("c=a,b", LIST, "form", True, ["a,b"]),
        ("c=a,b%2Cc", LIST, "form", False, ["a", "b,c"]),
        ("c=a%2Cb", LIST, "form", False, ["a", "b"]),
        ("c=", LIST, "form", False, []),
        ("c=a%20b", LIST, "spaceDelimited", False, ["a", "b"]),
        ("c=a+b", LIST, "spaceDelimited", False, ["a", "b"]),
        ("c=a|b", LIST, "pipeDelimited", False, ["a", "b"]),
        ("c=a%7Cb", LIST, "pipeDelimited", False, ["a", "b"]),
        ("R=1&G=2&G=3&x=4", OBJECT, "form", True, {"R": "1", "G": ["2", "3"]}),
        ("c=R,1,G,2", OBJECT, "form", False, {"R": "1", "G": "2"}),
        ("c[R]=1&c%5BG%5D=2", OBJECT, "deepObject", True, {"R": "1", "G": "2"}),
        ("c[a][b]=1&c[a][c]=2", OBJECT, "deepObject", True, {"a": {"b": "1", "c": "2"}}),
        ("c[G]=1&c[G]=2", OBJECT, "deepObject", True, {"G": ["1", "2"]}),
        ("c[G][]=1", OBJECT, "deepObject", True, {"G": ["1"]}),
        ("x[R]=1", OBJECT, "deepObject", True, None),
    ],
)
def test_a_query_is_read_by_its_style(
    query: str, schema: Any, style: Style, explode: bool, value: object
) -> None:
    """OpenAPI 3.1.1, section 4.8.12.6; delimiters that clients encode are understood too."""
    assert ask(query, schema, style, explode=explode) == value


@pytest.mark.parametrize(
    ("query", "schema", "style", "explode"),
    [
        ("c=1&c=2", TEXT, "form", True),
        ("c=1&c=2", LIST, "form", False),
        ("c=R,1,G", OBJECT, "form", False),
        ("c[a]=1&c[a][b]=2", OBJECT, "deepObject", True),
        ("c[a][b]=2&c[a]=1", OBJECT, "deepObject", True),
        ("c" + "[a]" * 20 + "=1", OBJECT, "deepObject", True),
    ],
)
def test_a_value_that_two_programs_may_read_in_two_ways_is_refused(
    query: str, schema: Any, style: Style, explode: bool
) -> None:
    """One value sent twice, a name without its value, a value that is also a table."""
    with pytest.raises(StyleError):
        ask(query, schema, style, explode=explode)


@pytest.mark.parametrize(
    ("text", "schema", "style", "explode", "value"),
    [
        ("blue", TEXT, "simple", False, "blue"),
        ("a+b%2Fc", TEXT, "simple", False, "a+b/c"),
        ("a,b", LIST, "simple", False, ["a", "b"]),
        ("R,1,G,2", OBJECT, "simple", False, {"R": "1", "G": "2"}),
        ("R=1,G=2", OBJECT, "simple", True, {"R": "1", "G": "2"}),
        (".blue", TEXT, "label", False, "blue"),
        (".a,b", LIST, "label", False, ["a", "b"]),
        (".a.b", LIST, "label", True, ["a", "b"]),
        (".R=1.G=2", OBJECT, "label", True, {"R": "1", "G": "2"}),
        (";c=blue", TEXT, "matrix", False, "blue"),
        (";c=a,b", LIST, "matrix", False, ["a", "b"]),
        (";c=a;c=b", LIST, "matrix", True, ["a", "b"]),
        (";R=1;G=2", OBJECT, "matrix", True, {"R": "1", "G": "2"}),
    ],
)
def test_a_path_is_read_by_its_style(
    text: str, schema: Any, style: Style, explode: bool, value: object
) -> None:
    """RFC 6570's examples."""
    assert from_path("c", text, shape(schema), style=style, explode=explode) == value


@pytest.mark.parametrize(
    ("text", "schema", "style", "explode"),
    [
        ("blue", TEXT, "label", False),
        ("blue", TEXT, "matrix", False),
        (";d=a", LIST, "matrix", True),
        ("c=a", LIST, "matrix", True),
        ("R=1,G", OBJECT, "simple", True),
    ],
)
def test_a_path_in_another_style_is_refused(
    text: str, schema: Any, style: Style, explode: bool
) -> None:
    """With what was expected."""
    with pytest.raises(StyleError, match="expected"):
        from_path("c", text, shape(schema), style=style, explode=explode)


def test_a_query_has_few_parameters() -> None:
    """Thousands of them are an attack."""
    assert len(read_query("&".join(["a=1"] * 1_000))["a"]) == 1_000
    with pytest.raises(StyleError, match="at most 1,000"):
        read_query("&".join(["a=1"] * 1_002))


@given(
    st.text(alphabet="c[]RG=&,.;|%20+a", max_size=60),
    st.sampled_from([TEXT, LIST, OBJECT]),
    st.sampled_from(["form", "spaceDelimited", "pipeDelimited", "deepObject"]),
    st.booleans(),
)
def test_any_query_is_read_or_refused(query: str, schema: Any, style: Style, explode: bool) -> None:
    """Nothing else is raised."""
    try:
        ask(query, schema, style, explode=explode)
        inside(query, shape(schema), style="simple", explode=explode)
    except StyleError:
        pass
