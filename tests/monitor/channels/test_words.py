from dataclasses import replace

import pytest

from intertie.errors import IntertieError
from intertie.monitor.channels.text import render
from intertie.monitor.channels.words import faults, sample, words_of
from intertie.suite.monitoring import NoticeTemplate
from tests.monitor.channels.stage import AT, hostile, message, told

LINE = "{{ severity | upper }}: {{ names | join(', ') }} ({{ count }})"
PAGE = """\
{% for alert in firing %}
{{ alert.labels.service }} {{ alert.value | number }} for {{ alert.seconds | duration }}
{% endfor %}
{% for alert in resolved %}
{{ alert.labels.service }} is well since {{ alert.until | moment }}
{% endfor %}
{{ link }}"""


def test_a_template_says_it_in_its_own_words() -> None:
    """Labels, values, durations and moments, of what fires and of what has ended."""
    over = replace(told("Down", service="player"), ends_at=AT)
    words = words_of(NoticeTemplate(subject=LINE, text=PAGE), name="short")

    found = words(message(alerts=(told(), over)))

    assert found.subject == "CRITICAL: HighErrorRate, Down (2)"
    assert found.body == (
        "shop 0.07314 for 12m\n"
        "player is well since 2026-10-01 12:00:00 UTC\n"
        "https://intertie.example.org/alerts/1\n"
    )


def test_what_a_template_leaves_out_is_as_usual() -> None:
    """Subject or text."""
    usual = render(message())
    line = words_of(NoticeTemplate(subject="Look!"), name="a")(message())
    page = words_of(NoticeTemplate(text="Look!"), name="b")(message())

    assert (line.subject, line.body) == ("Look!", usual.body)
    assert (page.subject, page.body) == (usual.subject, "Look!\n")


def test_a_label_that_is_not_there_is_an_empty_text() -> None:
    """As in rules; annotations too."""
    text = "<{{ alerts[0].labels.nothing }}{{ alerts[0].annotations.nothing }}{{ group.nothing }}>"

    assert words_of(NoticeTemplate(text=text), name="a")(message()).body == "<>\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ alerts", "in line 1"),
        ("a\n{% if %}", "in line 2"),
        ("{{ severty }}", "'severty' is undefined"),
        ("{% for alert in alerts %}{{ alert.labls }}{% endfor %}", "no attribute 'labls'"),
        ("{% if kind == 'task' %}{{ nothing }}{% endif %}", "'nothing' is undefined"),
        ("{{ names | nofilter }}", "No filter named 'nofilter'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ alerts.append(1) }}", "unsafe"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "unsafe"),
        ("{% include '/etc/passwd' %}", "loader"),
    ],
)
def test_a_faulty_template_is_told_before_it_is_used(text: str, told: str) -> None:
    """Whatever kind of notice it would fail with; it is never more than text."""
    found = list(faults(NoticeTemplate(subject="good", text=text)))

    assert [part for part, _ in found] == ["text"]
    assert told in found[0][1]


def test_a_good_template_has_no_faults() -> None:
    """With a notice of each kind."""
    assert not list(faults(NoticeTemplate(subject=LINE, text=PAGE)))


def test_one_that_cannot_be_read_makes_no_words() -> None:
    """Rather than a notice that says nothing."""
    with pytest.raises(IntertieError, match="cannot read this template in line 1"):
        words_of(NoticeTemplate(text="{{"), name="a")


def test_a_notice_is_told_whatever_its_template_does() -> None:
    """In the usual words, and with the reason."""
    words = words_of(NoticeTemplate(subject="{{ alerts[0].value / 0 }}"), name="odd")

    found = words(message())

    assert found.subject == "[CRITICAL] Shop is failing"
    assert "template 'odd' cannot be filled in: float division by zero" in found.text
    assert "Too many errors" in found.text


def test_hostile_labels_stay_text() -> None:
    """A subject is one line, and a page is escaped."""
    every = (
        "{{ title }}{{ text }}{% for a in alerts %}{{ a.labels }}{{ a.annotations }}{% endfor %}"
    )
    found = words_of(NoticeTemplate(subject=every, text=every), name="a")(hostile())

    assert "\n" not in found.subject
    assert "<script" not in found.html
    found.text.encode()


def test_what_is_endless_is_cut() -> None:
    """Of very many alerts, too."""
    many = message(alerts=(told(),) * 5000)
    text = "{% for alert in alerts %}{{ alert.name }}{% endfor %}{{ 'x' * 20000 }}"
    found = words_of(NoticeTemplate(subject="{{ 'y' * 5000 }}", text=text), name="a")(many)

    assert len(found.subject) == 300
    assert len(found.body) == 10_001


def test_a_sample_of_an_end_has_ended() -> None:
    """And one of a task is of no alert."""
    assert all(each.ends_at for each in sample("resolved").alerts)
    assert not sample("task").alerts
