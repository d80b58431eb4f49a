"""Figures that are computed from others again and again, and kept as if they were measured."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from intertie.suite.values import LabelTexts, Model


class Record(Model):
    """A series, or several, that PromQL gives at each look."""

    expr: Annotated[str, Field(min_length=1, max_length=4000)]
    """PromQL; all that it gives is kept under the record's name, with the labels it has."""
    labels: LabelTexts = {}
    """Set on each of its series; one without a value is taken away."""


def _short(value: object) -> object:
    return {"expr": value} if isinstance(value, str) else value


Records = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]{0,199}$")],
        Annotated[Record, BeforeValidator(_short, json_schema_input_type=str | Record)],
    ],
    Field(max_length=1000),
]
