"""Writes what was found as the tables of docs/gateway-conformance.md."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tests.gateway.conformance.run import Results

_HEAD = """# What hostile clients tried on the gateway

Written by `python -m tests.gateway.conformance`, which makes all of these requests to a real \
Envoy with the configuration that the
gateway gives it, before real services. A try counts as come in when the service would have \
shown what is closed, or got what only the
gateway may say. The same is run as tests: `pytest tests/gateway/conformance`.
"""
_PATHS = """
## Paths

Ways to write the path of a closed place, in classes multiplied with each other: dot segments, \
encodings (also twice), slashes and
backslashes, parameters, overlong and wide characters, null and control characters, case, \
fragments, absolute form; out of open,
stripped and rewritten routes. `/secret` needs a token, `/admin` a role, `/inside` another \
address. Redirects are followed. nginx,
Apache and Starlette decode paths each in its own way; `lenient` decodes twice and drops what \
stands behind semicolons.

| service | closed | tries | came in |
|---|---|---|---|
"""
_HOSTILE = """
## Headers, methods, hosts, tokens, smuggling

| what | tries | went wrong |
|---|---|---|
"""
_HTTP2 = """
## HTTP/2

Cases by the sections of RFC 9113 and RFC 7541, frame by frame, after the classes of h2spec, \
beside a bare Envoy.

| | cases | as the RFC wants it |
|---|---|---|
"""
_OTHER = """
Those that either fails:

| section | case | gateway | bare Envoy |
|---|---|---|---|
"""
_FLOODS = """
## Floods

| attack | what came of it | memory grew by |
|---|---|---|
"""


def markdown(found: Results) -> str:
    """The whole page."""
    parts = [
        _HEAD,
        _PATHS,
        *_lines(
            [each.service, f"`{each.closed}`", f"{each.tried:,}", len(each.came_in)]
            for each in found.paths
        ),
        f"\nTogether {sum(each.tried for each in found.paths):,} tries;"
        f" {sum(len(each.came_in) for each in found.paths)} came in.\n",
        _HOSTILE,
        *_lines(_hostile(found)),
        _HTTP2,
        *_lines(_http2(found)),
        _OTHER,
        *_lines(
            [each.case.section, each.case.name, each.ours, each.bare]
            for each in found.http2
            if not (each.passes and each.bare_passes)
        ),
        _FLOODS,
        *_lines(
            [each.name, each.told, f"{each.grown_bytes / 1e6:.1f} MB"] for each in found.floods
        ),
    ]
    return "".join(parts)


def _hostile(found: Results) -> Iterator[Sequence[object]]:
    for topic, rows in groupby(found.rows, key=lambda row: row.topic):
        each = list(rows)
        yield topic, f"{sum(row.tried for row in each):,}", sum(len(row.wrong) for row in each)


def _http2(found: Results) -> Iterator[Sequence[object]]:
    count = len(found.http2)
    yield "gateway", count, sum(each.passes for each in found.http2)
    yield "bare Envoy", count, sum(each.bare_passes for each in found.http2)


def _lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |\n"
