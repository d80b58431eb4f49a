"""Loki's push API: https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from intertie.forward.http import HttpSender, opened
from intertie.forward.record import Record, by_source
from intertie.runtime.logs import Source

PATH = "/loki/api/v1/push"


def sender(
    url: str, *, headers: Mapping[str, str], labels: Mapping[str, str]
) -> AbstractAsyncContextManager[HttpSender]:
    """To the Loki at `url`, which has its full path."""
    return opened(
        url, headers, encode=lambda records: encode(records, labels), lost=lambda answer: 0
    )


def encode(records: Sequence[Record], labels: Mapping[str, str]) -> object:
    """One stream a log. Levels are no label: labels make streams, and a log should stay one."""
    streams = [
        {"stream": dict(labels) | _labels(source), "values": _values(found)}
        for source, found in by_source(records).items()
    ]
    return {"streams": streams}


def _values(records: Sequence[Record]) -> list[list[str]]:
    return [[str(each.at_ns), each.line.text] for each in records]


def _labels(source: Source) -> dict[str, str]:
    replica, stream = str(source.replica), source.stream
    return {"service": source.service, "replica": replica, "stream": stream}
