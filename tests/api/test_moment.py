"""Moments in the queries of REST routes."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from intertie.api.moment import Moment

MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00", "2026-01-31 13:00:00+01:00"]
)
def test_a_moment_without_a_zone_is_of_utc(text: str) -> None:
    """One with a zone is that moment."""
    assert MOMENT.validate_python(text) == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["1769860800", "12", "noon", "", "2026-01-31"])
def test_what_is_no_date_and_time_is_refused(text: str) -> None:
    """A number of seconds, too: it is too easily one of milliseconds."""
    with pytest.raises(ValidationError, match="such as 2026-01-31T12:00:00Z"):
        MOMENT.validate_python(text)
