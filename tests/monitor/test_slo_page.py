"""A report on objectives as one page."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from intertie.monitor.slo import GOOD, TOTAL
from intertie.monitor.slo_facts import SloReport
from intertie.monitor.slo_page import POLICY, amount, page, percent, share, verdict
from intertie.monitor.slo_report import Hourly, month_of, objective_of
from intertie.suite.slo import Slo

SINCE, UNTIL = month_of("2026-11")
HOUR = 3_600_000
EVIL = "<script>alert('x')</script>&\""


class Reader(HTMLParser):
    """What a page is made of, and whether its tags are closed in order."""

    VOID = frozenset({"meta", "link", "br", "line", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """And ends."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(" ".join(self.words).split())


def report(**slos: Slo) -> SloReport:
    """Of a month in which each hour one of a hundred failed, and an hour nothing was."""
    start = round(SINCE.timestamp() * 1000)
    hours = [start + n * HOUR for n in range(720) if n // 24 != 4]
    counted = {
        TOTAL: Hourly(dict.fromkeys(hours, 100.0), samples=8000),
        GOOD: Hourly({at: 90.0 if at == hours[50] else 99.0 for at in hours}),
    }
    objectives = tuple(
        objective_of(name, slo, counted, since=SINCE, until=UNTIL) for name, slo in slos.items()
    )
    return SloReport("2026-11", SINCE, UNTIL, True, UNTIL + timedelta(hours=1), objectives)


WEB = Slo.model_validate({"service": "web", "objective": "99%", "exclude": ["night"]})


def test_a_page_needs_nothing_from_elsewhere() -> None:
    """No script, nothing loaded, no style but its own; light and dark."""
    text = page(report(web=WEB))
    found = Reader(text)

    assert found.open == []
    assert not {"script", "img", "iframe", "object", "a"} & {tag for tag, _ in found.tags}
    for tag, attributes in found.tags:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if "href" in attributes or "src" in attributes:
            assert (tag, attributes["href"]) == ("link", "data:,")
    assert not re.findall(r"https?://|url\(|@import", text)
    assert "prefers-color-scheme:dark" in text
    assert "default-src 'none'" in POLICY


def test_a_page_tells_what_was_promised_and_kept() -> None:
    """With a bar and a row for each day, and what it is computed from."""
    found = Reader(page(report(web=WEB)))

    assert "promised 99%, achieved 98.987%, missed" in found.text.replace(" ,", ",")
    assert "68,895 of 69,600 requests were good" in found.text
    assert sum(tag == "rect" for tag, _ in found.tags) == 30
    kinds = [attributes["class"] for tag, attributes in found.tags if tag == "rect"]
    assert (kinds.count("bar-bad"), kinds.count("bar-none")) == (1, 1)
    assert 'intertie_slo_total{slo="web"}' in found.text
    assert "8,000 in 696 hours; 24 hours without" in found.text
    assert "2026-11-03" in found.text.split("Worst days")[1][:200]


def test_names_are_inert() -> None:
    """Wherever they come from."""
    slo = Slo.model_validate(
        {"expr": {"total": f'a{{b="{EVIL[:8]}"}}', "good": "c"}, "objective": 99}
    )
    made = report(web=slo)
    evil = replace(
        made,
        month=EVIL,
        objectives=tuple(
            replace(each, name=EVIL, about=EVIL, excluded_windows=(EVIL,))
            for each in made.objectives
        ),
    )

    text = page(evil)

    assert "<script" not in text
    assert EVIL in " ".join(Reader(text).words)


def test_nothing_promised_is_a_page_too() -> None:
    """And says so; a month so far says that, too."""
    empty = SloReport("2026-11", SINCE, UNTIL, False, datetime(2026, 11, 5, tzinfo=UTC), ())

    assert "Nothing is promised." in page(empty)
    assert "the month so far" in page(empty)


def test_nothing_counted_and_no_budget_are_words() -> None:
    """Not divisions."""
    perfect = Slo.model_validate({"service": "web", "objective": "100%"})
    none = objective_of("web", perfect, {}, since=SINCE, until=UNTIL)
    text = page(replace(report(web=perfect), objectives=(none, *report(web=perfect).objectives)))

    assert "no data" in text
    assert "more than there is" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(99.9, "99.9%"), (100.0, "100%"), (99.99999, "99.999%"), (99.8999, "99.899%"), (None, "–")],
)
def test_a_missed_promise_is_never_rounded_to_a_kept_one(value: float | None, text: str) -> None:
    """Rounded down."""
    assert percent(value) == text


def test_figures_are_told_as_people_read_them() -> None:
    """As many digits as matter."""
    assert [amount(each) for each in (0, 0.25, 12, 1234.5, 1e6, -3)] == [
        "0", "0.25", "12", "1,234", "1,000,000", "-3",
    ]  # fmt: skip
    assert (share(0.5), share(None)) == ("50.0%", "more than there is")
    assert [verdict(each) for each in (True, False, None)] == ["kept", "missed", "no data"]
