"""Samples as a request of Prometheus' remote write, version 1.0: protobuf inside snappy.

Source: "Prometheus Remote-Write 1.0 specification" (its three messages have seven fields in all)
and "Snappy compressed format description". What is sent is only framed as snappy, not made
smaller: all receivers take that, and no library is needed.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from intertie.monitor.sample import NAME_LABEL, Sample, Series

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
"""Of each request, as the specification wants them."""

_TIMESERIES = 0x0A  # WriteRequest: field 1, a message
_LABEL, _SAMPLE = 0x0A, 0x12  # TimeSeries: fields 1 and 2, messages
_NAME, _TEXT = 0x0A, 0x12  # Label: fields 1 and 2, texts
_VALUE, _TIMESTAMP = 0x09, 0x10  # Sample: field 1, eight bytes; field 2, a varint

_LITERAL = 61 << 2  # its length, less one, is in the next two bytes
_LONGEST_LITERAL = 1 << 16
_ONE_BYTE = 0x80
_UINT64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Tick:
    """Samples of one moment."""

    at_ms: int
    """Since 1970."""
    samples: Sequence[Sample]


def write_request(ticks: Iterable[Tick]) -> bytes:
    """The body of a request; a series is there once, with its samples in the order of the ticks."""
    found: dict[Series, bytearray] = {}
    for tick in ticks:
        moment = bytes([_TIMESTAMP]) + _varint(tick.at_ms & _UINT64)
        for sample in tick.samples:
            value = struct.pack("<Bd", _VALUE, sample.value)  # its bits: a stale marker stays one
            found.setdefault(sample.series, bytearray()).extend(_message(_SAMPLE, value + moment))
    told = (
        _message(_TIMESERIES, _labels(series) + bytes(samples)) for series, samples in found.items()
    )
    return snappy(b"".join(told))


def snappy(data: bytes) -> bytes:
    """As a snappy block that holds all bytes as they are."""
    parts = [_varint(len(data))]
    for start in range(0, len(data), _LONGEST_LITERAL):
        part = data[start : start + _LONGEST_LITERAL]
        parts += [struct.pack("<BH", _LITERAL, len(part) - 1), part]
    return b"".join(parts)


def _labels(series: Series) -> bytes:
    """Sorted by name, that of the series among them, as the specification wants it."""
    told = sorted([(NAME_LABEL, series.name), *series.labels])
    return b"".join(
        _message(_LABEL, _message(_NAME, _utf8(name)) + _message(_TEXT, _utf8(text)))
        for name, text in told
    )


def _message(tag: int, content: bytes) -> bytes:
    size = len(content)
    head = bytes((tag, size)) if size < _ONE_BYTE else bytes((tag,)) + _varint(size)
    return head + content


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    if number < _ONE_BYTE:  # nearly all of them
        return bytes((number,))
    found = bytearray()
    while number >= _ONE_BYTE:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")
