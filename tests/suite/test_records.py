"""How figures that are computed are written down."""

import pytest
from pydantic import TypeAdapter, ValidationError

from intertie.suite.records import Record, Records

RECORDS: TypeAdapter[dict[str, Record]] = TypeAdapter(Records)


def test_an_expression_alone_is_a_record() -> None:
    """Labels are for who needs some."""
    found = RECORDS.validate_python(
        {"shop:orders:rate5m": "sum(rate(orders[5m]))", "b": {"expr": "up", "labels": {"x": "1"}}}
    )

    assert found["shop:orders:rate5m"] == Record(expr="sum(rate(orders[5m]))")
    assert found["b"].labels == {"x": "1"}


@pytest.mark.parametrize(
    "written", [{"a-b": "up"}, {"1a": "up"}, {"a": ""}, {"a": {"labels": {}}}, {"a": 5}]
)
def test_what_is_no_record_is_refused(written: object) -> None:
    """A name of a series, and an expression."""
    with pytest.raises(ValidationError):
        RECORDS.validate_python(written)
