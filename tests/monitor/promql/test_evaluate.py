import random
from collections.abc import Sequence

import numpy as np
import pytest

from intertie.monitor.promql import evaluate
from intertie.monitor.promql.frame import Frame, Options
from intertie.monitor.promql.query import Point, QueryError, Value, Vector, compile
from intertie.monitor.promql.tree import Number, Text
from intertie.monitor.sample import Found, Series
from tests.monitor.promql.expressions import EXPRESSIONS
from tests.monitor.promql.stage import Line, ask, line, random_lines

# They look at the edges of the query, or order series, which only a single moment has.
OF_THE_WHOLE = {text for text in EXPRESSIONS if "start()" in text or "end()" in text}


def _samples(
    text: str, lines: tuple[Line, ...], start_ms: int, end_ms: int
) -> dict[object, list[Found]]:
    reads = compile(text).reads(start_ms, end_ms)
    return {
        read.matchers: [
            one.found() for one in lines if all(m.fits(one.series) for m in read.matchers)
        ]
        for read in reads
    }


def _points(value: Value) -> Sequence[Point]:
    """A number is a series without labels."""
    if isinstance(value, Vector):
        return value.points
    return [Point(Series(""), float(value.value))]


@pytest.mark.parametrize("text", sorted(set(EXPRESSIONS) - OF_THE_WHOLE))
def test_a_range_is_its_moments(text: str) -> None:
    """What is worked out for many moments at once is what each alone gives."""
    seed = random.randrange(2**32)  # noqa: S311 -- test data
    lines = tuple(random_lines(seed, count=40))
    query = compile(text)
    samples = _samples(text, lines, 0, 700_000)
    moments = range(0, 700_000, 35_000)

    try:
        alone = [query.evaluate(samples, at) for at in moments]  # type: ignore[arg-type]
    except QueryError:
        with pytest.raises(QueryError):
            query.evaluate_range(samples, 0, end_ms=699_999, step_ms=35_000)  # type: ignore[arg-type]
        return
    tracks = query.evaluate_range(samples, 0, end_ms=699_999, step_ms=35_000)  # type: ignore[arg-type]

    together = {
        (track.series, at): value
        for track in tracks
        for at, value in zip(track.times.tolist(), track.values.tolist(), strict=True)
    }
    wanted = {
        (point.series, value.at_ms): point.value for value in alone for point in _points(value)
    }
    assert together.keys() == wanted.keys(), seed
    for key, value in wanted.items():
        np.testing.assert_allclose(together[key], value, rtol=1e-12, err_msg=f"{seed} {key}")


def test_the_longest_expressions_are_worked_out() -> None:
    """As deep as they may be, without an end of the stack."""
    one = line("x", "1")

    assert ask("+".join(["x"] * 151), one, at_s=0) == {"{}": 151}
    assert ask("abs(-" * 50 + "x" + ")" * 50, one, at_s=0) == {"{}": 1}
    assert ask("sum(" * 50 + "x" + ")" * 50, one, at_s=0) == {"{}": 1}


def test_a_fault_of_ours_is_no_answer() -> None:
    """The parser has checked kinds; to ask for another is a mistake in code."""
    frame = Frame(np.array([0]), 0, 0, {}, Options())

    with pytest.raises(TypeError):
        evaluate.vector(Number(1), frame)
    with pytest.raises(TypeError):
        evaluate.scalar(Text("x"), frame)
    with pytest.raises(TypeError):
        evaluate.matrix(Number(1), frame)
    with pytest.raises(TypeError):
        evaluate.text(Number(1))
