import pytest

from intertie.monitor.promql.parse import parse
from intertie.monitor.promql.place import MAX_DEPTH, MAX_LENGTH, MAX_OPERATORS, shown
from intertie.monitor.promql.tree import QueryError, Selector


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("sum(", 1, 5),
        ("1 +", 1, 4),
        ("up +\n  * 2", 2, 3),
        ("up ))", 1, 4),
        ("error_rate > 5%", 1, 16),
        ('up{job=="x"}', 1, 7),
        ("sum(rate(x[5m])) by (job,) up", 1, 28),
        ('up # a "comment"\n down', 2, 2),
        ("rate(x[5m)", 1, 10),
        ('"no end', 1, 1),
        ("x > 3zs", 1, 5),
        ("sum by (a.b) (x)", 1, 9),
    ],
)
def test_a_mistake_has_its_place(text: str, line: int, column: int) -> None:
    """The first token with which no expression can go on; what ends too early, at its end."""
    with pytest.raises(QueryError, match=f"at line {line}, column {column}: "):
        parse(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * (MAX_LENGTH + 1), "characters"),
        ("(" * 4000 + "x" + ")" * 4000, "levels"),
        ("[" * 9000, "levels"),
        ("-" * 9000 + "x", "operators"),
        (" or ".join("x" * 2000), "operators"),
        ("abs(" * 2000, "levels"),
        ("x @ -5", "before 1970"),
    ],
)
def test_what_would_break_the_parser_is_refused_before(text: str, why: str) -> None:
    """Long, deep and endless texts, and times that it cannot hold."""
    with pytest.raises(QueryError, match=why):
        parse(text)


def test_what_is_within_the_limits_is_taken() -> None:
    """Both of them at once."""
    chain = "+".join("x" * (MAX_OPERATORS + 1))

    assert parse("(" * MAX_DEPTH + chain + ")" * MAX_DEPTH) == parse(chain)
    assert isinstance(parse('x{a="' + "-(" * 1000 + '"}'), Selector), "a text is no nesting"


def test_a_long_text_is_shown_short() -> None:
    """In messages."""
    assert shown("up") == "'up'"
    assert len(shown("x" * 500)) < 120
