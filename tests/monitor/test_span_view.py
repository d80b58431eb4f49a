"""A trace as people see it."""

import re
from html.parser import HTMLParser

import pytest

from intertie.monitor.span_view import as_html, as_text, duration, notes, plain
from intertie.monitor.spans import SpanEvent, SpanLink, Trace
from tests.monitor.traced import AT_NS, HOSTILE, MS, TRACE, span

SHOWN = Trace(
    TRACE,
    (
        span(1, service="gateway", name="GET /", end_ns=AT_NS + 101 * MS),
        span(51, parent=1, name="load", status="error", message="timeout", end_ns=AT_NS + 101 * MS),
    ),
)
EVIL = Trace(
    TRACE,
    (
        span(
            1,
            service=HOSTILE,
            name=HOSTILE,
            status="error",
            message=HOSTILE,
            fields={HOSTILE: HOSTILE},
            resource={HOSTILE: HOSTILE},
            events=(SpanEvent(AT_NS, HOSTILE, {HOSTILE: HOSTILE}),),
            links=(SpanLink(TRACE, "0" * 16),),
            scope=HOSTILE,
        ),
        span(0, parent=1, service=HOSTILE),
    ),
    left_out=3,
)


def test_a_trace_is_a_waterfall() -> None:
    """Each span on a line, where its time was."""
    heading, first, second = as_text(SHOWN, 80).splitlines()

    assert heading == f"trace {TRACE}  100 ms, 2 spans, 2 services, 1 error"
    assert re.fullmatch(r"gateway  GET / \|█+\| +100 ms", first)
    assert re.fullmatch(r"  web  load    \| +█+\| +50 ms  ERROR timeout", second)
    assert first.index("|") == second.index("|")
    assert second.count("█") == round(first.count("█") / 2 + 0.1)
    assert len(first) <= 80


def test_a_terminal_gets_nothing_that_it_would_obey() -> None:
    """Nor anything that turns text round or breaks lines."""
    told = as_text(EVIL)

    assert all(char == "\n" or char.isprintable() for char in told)
    assert "\\x1b[31m\\x0d\\x0a\\u202eevil\\u2028\\x00\\x9b" in as_text(EVIL, 400)
    assert len(told.splitlines()) == 3 + len(notes(EVIL))
    assert plain("ordinary ünïcode 語") == "ordinary ünïcode 語"


class Tags(HTMLParser):
    """Which there are, with which attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note it."""
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}


def test_a_page_holds_no_markup_of_strangers() -> None:
    """Nor does it load anything from anywhere, or run anything."""
    page = as_html(EVIL)
    seen = Tags()
    seen.feed(page)

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not seen.tags & {"script", "link", "img", "iframe", "a", "object"}
    assert seen.names <= {"lang", "charset", "http-equiv", "content", "class", "style"}
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "url(" not in page


def test_a_page_has_all_of_a_span() -> None:
    """Ids, attributes, events, and where its bar is."""
    page = as_html(SHOWN)

    assert "left:50.000%;width:50.000%" in page
    assert 'class="error"' in page
    assert f"{51:016x}" in page


def test_what_is_odd_is_told() -> None:
    """Parents that are missing, clocks that differ, spans that are not shown."""
    odd = Trace(TRACE, (span(5), span(2, parent=5, service="db"), span(7, parent=99)), left_out=12)

    missing, clocks, more = notes(odd)

    assert missing.startswith("parents of 1 span are not here")
    assert clocks == "spans of db begin up to 3 ms before their parents: clocks differ"
    assert more == "12 more spans not shown"
    assert notes(SHOWN) == []
    assert "clocks differ" in as_html(odd)


def test_a_trace_without_a_duration_can_be_shown() -> None:
    """Also one whose times are the ends of what there is."""
    ends = Trace(TRACE, (span(1, start_ns=0, end_ns=0), span(2, start_ns=2**63 - 1)))
    moment = Trace(TRACE, (span(1, start_ns=5, end_ns=5),))

    for each in (moment, Trace(TRACE, ()), ends):
        assert as_text(each)
        assert as_html(each)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (7_500, "7.5 us"),
        (12_345_678, "12.35 ms"),
        (1_250_000_000, "1.25 s"),
        (7_200 * 10**9, "7,200 s"),
    ],
)
def test_a_duration_is_in_the_largest_unit_that_fits(ns: int, text: str) -> None:
    """With four digits."""
    assert duration(ns) == text
