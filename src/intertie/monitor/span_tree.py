"""The spans of a trace in the order in which people read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intertie.monitor.spans import Span


@dataclass(frozen=True, slots=True)
class Line:
    """A span, and where it stands."""

    span: Span
    depth: int
    is_orphan: bool = False
    """Its parent is not among the spans: not recorded, not kept, or still to come."""
    early_ns: int = 0
    """It began so long before its parent did, which only clocks that differ can tell."""


def lines(spans: Sequence[Span]) -> list[Line]:
    """Each span once, below its parent, the earliest first.

    Spans that are each other's parents are shown from the earliest of them on.
    """
    ordered = sorted(spans, key=lambda each: (each.start_ns, each.span_id))
    by_id = {each.span_id: each for each in ordered}
    below: dict[str, list[Span]] = {}
    for span in ordered:
        below.setdefault(span.parent_id, []).append(span)
    roots = [each for each in ordered if each.parent_id not in by_id]
    found: list[Line] = []
    seen: set[str] = set()
    for root in (*roots, *ordered):  # `ordered`: what no root leads to
        _walk(root, by_id, below, found=found, seen=seen)
    return found


def _walk(
    root: Span,
    by_id: Mapping[str, Span],
    below: Mapping[str, Sequence[Span]],
    *,
    found: list[Line],
    seen: set[str],
) -> None:
    # Not recursive: strangers say how deep it is.
    waiting = [(root, 0)]
    while waiting:
        span, depth = waiting.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        parent = by_id.get(span.parent_id)
        early_ns = 0 if parent is None else max(0, parent.start_ns - span.start_ns)
        is_orphan = bool(span.parent_id) and parent is None
        found.append(Line(span, depth, is_orphan, early_ns))
        waiting += [(each, depth + 1) for each in reversed(below.get(span.span_id, ()))]
