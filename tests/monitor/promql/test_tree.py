import pytest

from intertie.monitor.promql.parse import parse
from intertie.monitor.promql.tree import Kind, Moment, Text, kind


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", Kind.SCALAR),
        ("-(1 + time())", Kind.SCALAR),
        ("scalar(up)", Kind.SCALAR),
        ("up", Kind.VECTOR),
        ("1 + up", Kind.VECTOR),
        ("-up", Kind.VECTOR),
        ("vector(1)", Kind.VECTOR),
        ("sum(up)", Kind.VECTOR),
    ],
)
def test_each_expression_has_a_kind(text: str, wanted: Kind) -> None:
    """A number stays one through operators until series take part."""
    assert kind(parse(text)) is wanted


def test_a_text_is_a_string() -> None:
    """Prometheus' word for it."""
    assert kind(Text("x")) == "string"


@pytest.mark.parametrize(("at", "wanted"), [(None, None), ("start", 1), ("end", 2), (7, 7)])
def test_a_moment_may_be_fixed(at: object, wanted: int | None) -> None:
    """To a time, or to an edge of the whole query."""
    assert Moment(at=at).fixed_ms(1, 2) == wanted  # type: ignore[arg-type]
