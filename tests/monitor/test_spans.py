"""What spans and traces say of themselves."""

from intertie.monitor.spans import TraceSummary
from tests.monitor.traced import AT_NS, MS, TRACE, span


def test_a_duration_is_from_the_start_to_the_end() -> None:
    """Of a span, and of a whole trace."""
    whole = TraceSummary(TRACE, "web", "GET /", "/", AT_NS, AT_NS + 7, spans=2, errors=0)

    assert span().duration_ns == 10 * MS
    assert whole.duration_ns == 7
