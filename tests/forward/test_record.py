from intertie.forward.record import Stamp, by_source
from intertie.runtime.logs import LogLine, Source

NOW = 1_777_638_615_000_000_000


def lines(*texts: str, index: int = 0) -> list[LogLine]:
    """Of one log."""
    return [LogLine("api", index, "out", text, 0) for text in texts]


def test_times_of_a_log_only_grow() -> None:
    """A line's own time counts, unless it lies in the future or before the line before it."""
    stamp = Stamp(lambda: NOW)
    own = '{"msg":"m","time":"2026-05-01T12:00:00.000001Z"}'
    late = '{"msg":"m","time":"2999-01-01T00:00:00Z"}'

    first = [record.at_ns for record in stamp(lines(own, own, late, "plain", own))]
    other = [record.at_ns for record in stamp(lines(own, index=1))]

    at = 1_777_636_800_000_001_000
    assert first == [at, at + 1, NOW, NOW + 1, NOW + 2]
    assert other == [at]


def test_when_a_line_was_read_is_kept_apart() -> None:
    """Beside its own time."""
    (record,) = Stamp(lambda: NOW)(lines('{"msg":"m","ts":1777636800}'))

    assert (record.at_ns, record.seen_ns) == (1_777_636_800_000_000_000, NOW)


def test_records_are_told_apart_by_their_log() -> None:
    """In the order of each."""
    found = by_source(Stamp(lambda: NOW)([*lines("a"), *lines("b", index=1), *lines("c")]))

    texts = {source: [each.line.text for each in records] for source, records in found.items()}
    assert texts == {Source("api", 0, "out"): ["a", "c"], Source("api", 1, "out"): ["b"]}
