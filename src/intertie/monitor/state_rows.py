"""States of alerts as JSON, so that a restart neither forgets nor repeats."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, TypeAdapter, ValidationError

from intertie.errors import IntertieError
from intertie.monitor.rules import Labels, labels_of
from intertie.monitor.states import Phase, State, States

_Number = Annotated[float, PlainSerializer(repr, return_type=str)]
"""As text: JSON has neither NaN nor infinity."""
_Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    labels: _Labels
    phase: Phase
    active_at_ms: int
    value: _Number
    last_seen_ms: int
    series: _Labels
    annotations: _Labels
    fired_at_ms: int | None
    keep_since_ms: int | None
    resolved_at_ms: int | None
    trace: str = ""


_ROWS = TypeAdapter(list[_Row])


def to_rows(states: States) -> list[dict[str, object]]:
    """What `from_rows` reads: plain JSON values."""
    rows: list[dict[str, object]] = _ROWS.dump_python(
        [_row(labels, state) for labels, state in states.items()], mode="json"
    )
    return rows


def from_rows(rows: object) -> States:
    """What `to_rows` told. Raises IntertieError."""
    try:
        read = _ROWS.validate_python(rows)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise IntertieError(f"cannot read states of alerts: {place}: {first['msg']}") from exc
    return {_told(row.labels): _state(row) for row in read}


def _row(labels: Labels, state: State) -> _Row:
    return _Row(
        labels=dict(labels),
        phase=state.phase,
        active_at_ms=state.active_at_ms,
        value=state.value,
        last_seen_ms=state.last_seen_ms,
        series=dict(state.series),
        annotations=dict(state.annotations),
        fired_at_ms=state.fired_at_ms,
        keep_since_ms=state.keep_since_ms,
        resolved_at_ms=state.resolved_at_ms,
        trace=state.trace,
    )


def _state(row: _Row) -> State:
    return State(
        phase=row.phase,
        active_at_ms=row.active_at_ms,
        value=row.value,
        last_seen_ms=row.last_seen_ms,
        series=_told(row.series),
        annotations=_told(row.annotations),
        fired_at_ms=row.fired_at_ms,
        keep_since_ms=row.keep_since_ms,
        resolved_at_ms=row.resolved_at_ms,
        trace=row.trace,
    )


def _told(labels: dict[str, str]) -> Labels:
    return labels_of(labels.items())
