"""Durations as options."""

from typing import Any

import click

from intertie.suite.values import parse_duration


class Span(click.ParamType[float]):
    """A duration, in seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds in `7d`."""
        try:
            return parse_duration(value)
        except ValueError as exc:
            self.fail(str(exc), param, ctx)
