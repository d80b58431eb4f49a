import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.channels.text import duration, moment, number, one_line, render, subject
from tests.monitor.channels.stage import AT, hostile, message, told

PLAIN = """\
[CRITICAL] Shop is failing

More than 5% of all answers are errors.

Group: service=shop

HighErrorRate
  severity: critical
  where: instance=a, service=shop
  since: 2026-10-01 11:48:00 UTC
  state: firing for 12m
  value: 0.07314
  Too many errors
  See the log.

Open: https://intertie.example.org/alerts/1
"""


def test_a_notice_says_what_where_since_when_and_how_much() -> None:
    """And what its rule says to people."""
    alerts = (told(instance="a"),)

    assert render(message(alerts=alerts, group=(("service", "shop"),))).text == PLAIN


def test_an_end_says_how_long_it_was() -> None:
    """In the words of whoever asks next morning."""
    ended = replace(told(), ends_at=AT)
    found = render(message(kind="resolved", alerts=(ended,)))

    assert found.subject == "[RESOLVED] Shop is failing"
    assert "state: resolved, was firing for 12m" in found.text


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("firing", "[CRITICAL] "),
        ("repeat", "[CRITICAL, still firing] "),
        ("escalation", "[ESCALATED, CRITICAL] "),
        ("resolved", "[RESOLVED] "),
        ("flapping", "[FLAPPING, CRITICAL] "),
        ("task", "[CRITICAL] "),
    ],
)
def test_the_subject_begins_with_what_it_is(kind: str, begins: str) -> None:
    """So that a list of mails can be read."""
    assert subject(message(kind=kind)) == f"{begins}Shop is failing"


def test_the_subject_counts_the_alerts() -> None:
    """If there are more than one; it is short however long the title is."""
    assert subject(message(alerts=(told(),) * 3)) == "[CRITICAL] Shop is failing (3 alerts)"
    assert len(subject(message(title="x" * 999, alerts=(told(),) * 3))) == 200
    assert subject(message(title="x" * 999, alerts=(told(),) * 3)).endswith("… (3 alerts)")


def test_without_a_title_the_alerts_are_named() -> None:
    """Each name once; without any it is a notice."""
    alerts = (told("DiskFull"), told("DiskFull"), told("Down"))

    assert subject(message(title="", alerts=alerts)) == "[CRITICAL] DiskFull, Down (3 alerts)"
    assert subject(message(title="", alerts=(), severity="")) == "[NOTICE] a notice"


def test_of_many_alerts_twenty_are_listed() -> None:
    """And the others are counted."""
    found = render(message(alerts=tuple(told(instance=str(n)) for n in range(33))))

    assert len(found.entries) == 20
    assert "... and 13 more" in found.text
    assert "... and 13 more" in found.html
    assert render(message(alerts=(told(),) * 20)).more == ""


def test_what_could_change_the_text_is_taken_out() -> None:
    """Line breaks in names, control characters, reversed writing and lone surrogates."""
    assert one_line("a\r\nBcc: b\x00c\x1b[31m") == "a Bcc: b c [31m"
    assert one_line("evil\u202egnp.exe") == "evilgnp.exe"
    assert one_line("\ud800") == "?"
    assert one_line("Zeitüberschreitung 🙂") == "Zeitüberschreitung 🙂"
    assert "\r" not in render(hostile()).text
    assert "\nBcc" not in render(hostile()).subject
    json.dumps(render(hostile()).text).encode()


def test_html_is_escaped() -> None:
    """Names, values, notes and the link."""
    found = render(replace(hostile(), link='https://x.example/?a="><script>')).html

    assert "<script>" not in found
    assert "&lt;script&gt;" in found
    assert 'href="https://x.example/?a=&quot;&gt;&lt;script&gt;"' in found


@pytest.mark.parametrize("link", ["javascript:alert(1)", "", None, "https://a b", "http://a\n"])
def test_only_an_address_of_the_web_is_a_link(link: str | None) -> None:
    """Anything else is left out, but for blanks around it."""
    expected = "http://a" if link == "http://a\n" else None

    assert render(message(link=link)).link == expected


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0s"),
        (-5, "0s"),
        (45.9, "45s"),
        (60, "1m"),
        (725, "12m"),
        (3600, "1h"),
        (3900, "1h 5m"),
        (86399, "23h 59m"),
        (183600, "2d 3h"),
        (86430, "1d"),
    ],
)
def test_a_duration_has_its_two_largest_parts(seconds: float, told: str) -> None:
    """Seconds only where there is nothing larger."""
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0731412, "0.07314"),
        (95.4321, "95.43"),
        (1234.5678, "1235"),
        (2147483648.0, "2147483648"),
        (3.0, "3"),
        (-0.0, "0"),
        (1.5e20, "1.5e+20"),
        (float("nan"), "NaN"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
    ],
)
def test_a_value_has_four_digits(value: float, told: str) -> None:
    """A large one is whole."""
    assert number(value) == told


@given(st.floats(-1e300, 1e300))
def test_a_value_is_never_far_off(value: float) -> None:
    """By at most half of its fourth digit."""
    assert float(number(value)) == pytest.approx(value, rel=5.0001e-4, abs=1e-323)


def test_moments_are_in_utc() -> None:
    """Whatever zone they came in."""
    zoned = datetime.fromisoformat("2026-10-01T14:00:00+02:00")

    assert moment(zoned) == "2026-10-01 12:00:00 UTC"
    assert moment(AT.astimezone(UTC) + timedelta(seconds=0.9)) == "2026-10-01 12:00:00 UTC"


@given(st.text(), st.text(), st.dictionaries(st.text(), st.text()))
def test_any_text_can_be_told(title: str, text: str, labels: dict[str, str]) -> None:
    """It is the same each time, encodes, and its subject is one line."""
    alert = replace(told(), labels=labels, annotations={"summary": text})
    noted = message(title=title, text=text, alerts=(alert,))
    found = render(noted)

    assert found == render(noted)
    assert len(found.subject.splitlines()) == 1
    assert found.text.encode()
    assert found.html.encode()
