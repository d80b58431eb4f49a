"""Moments in the queries of REST routes."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")


def _as_text(value: object) -> object:
    """Refuses numbers of seconds, which would be taken, too."""
    if isinstance(value, str) and not _DATE.match(value):
        raise ValueError("expected a date and time, such as 2026-01-31T12:00:00Z")
    return value


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_as_text), AfterValidator(_aware)]
"""A date and time; in UTC where it tells no zone."""
