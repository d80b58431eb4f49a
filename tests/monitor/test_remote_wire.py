"""Requests as others read them: Google's protobuf, and snappy by its description."""

import struct
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.remote_wire import Tick, snappy, write_request
from intertie.monitor.sample import STALE, Sample, Series
from tests.monitor.receiver import READER, unpacked

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
SERIES = st.builds(Series.of, TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=3))
SAMPLES = st.builds(Sample, SERIES, st.floats() | st.just(STALE))
TICKS = st.lists(st.builds(Tick, st.integers(-(2**63), 2**63 - 1), st.lists(SAMPLES)), max_size=5)


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def _told(body: bytes) -> Iterator[tuple[list[tuple[str, str]], list[tuple[int, bytes]]]]:
    for each in READER.FromString(unpacked(body)).timeseries:
        labels = [(label.name, label.value) for label in each.labels]
        yield labels, [(sample.timestamp, _bits(sample.value)) for sample in each.samples]


@given(TICKS)
def test_another_reader_finds_the_same_samples_bit_by_bit(ticks: list[Tick]) -> None:
    """Any text, number and moment, stale markers among them; a series once."""
    expected: dict[Series, list[tuple[int, bytes]]] = {}
    for tick in ticks:
        for each in tick.samples:
            expected.setdefault(each.series, []).append((tick.at_ms, _bits(each.value)))

    told = list(_told(write_request(ticks)))

    assert told == [
        (sorted([("__name__", series.name), *series.labels]), samples)
        for series, samples in expected.items()
    ]


def test_labels_are_in_order_the_name_among_them() -> None:
    """Capital letters come before it, small ones after: the specification asks for it."""
    series = Series.of("up", {"job": "a", "Zone": "b"})

    [(labels, _)] = _told(write_request([Tick(1, [Sample(series, 1)])]))

    assert labels == [("Zone", "b"), ("__name__", "up"), ("job", "a")]


def test_what_is_no_text_is_sent_as_a_question_mark() -> None:
    """A receiver refuses a whole request that has half of a character in it."""
    series = Series.of("up", {"path": "a\ud800"})

    [(labels, _)] = _told(write_request([Tick(1, [Sample(series, 1)])]))

    assert ("path", "a?") in labels


def test_a_block_of_any_size_is_read_back() -> None:
    """Also one that is nothing, or just more than the longest literal."""
    for size in (0, 1, 59, 60, 61, 256, 65_535, 65_536, 65_537, 200_000):
        data = bytes(number % 251 for number in range(size))
        assert unpacked(snappy(data)) == data
