import numpy as np
import pytest

from intertie.monitor.promql.frame import Frame, Options
from intertie.monitor.promql.tree import Moment, QueryError

FRAME = Frame(np.array([1000, 2000]), 1000, 9000, {}, Options(max_samples=10))


@pytest.mark.parametrize(
    ("moment", "wanted"),
    [
        (Moment(), [1000, 2000]),
        (Moment(300), [700, 1700]),
        (Moment(-300), [1300, 2300]),
        (Moment(at="start"), [1000, 1000]),
        (Moment(100, "end"), [8900, 8900]),
        (Moment(at=5), [5, 5]),
    ],
)
def test_a_frame_knows_where_to_look(moment: Moment, wanted: list[int]) -> None:
    """`@` fixes the time, an offset moves it."""
    assert FRAME.looked_at(moment).tolist() == wanted


def test_a_frame_within_keeps_the_edges_of_the_query() -> None:
    """`@ start()` in a subquery is the start of the whole."""
    inner = FRAME.within(np.array([5]))

    assert inner.looked_at(Moment(at="end")).tolist() == [9000]


def test_what_does_not_fit_in_memory_is_refused() -> None:
    """Before it is made."""
    FRAME.check_size(5)
    with pytest.raises(QueryError, match="6 series at 2 moments"):
        FRAME.check_size(6)
