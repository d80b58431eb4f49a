"""The post-mortem as Markdown."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from intertie.control.incident import Excerpt, Incident, Line, Measured, incidents
from intertie.control.incident_text import as_markdown
from tests.control.incident_events import at, change, failed, firing, resolved, started
from tests.control.test_incident import KILL, notice

HOSTILE = "a|b\n| c | `d` <script>x</script> [e](http://evil) **f** \x1b[31mred\x1b[0m \\| \u202e"


def killed() -> Incident:
    """With all that an incident may have."""
    (found,) = incidents(KILL, [notice(3)], [change(1, 4)], at(1000))
    return replace(
        found,
        log=(Excerpt("web", 0, at(0), ("ready", "oops")),),
        measured=(Measured('up{service="web"}', 1, 0, 1, None),),
    )


def parsed(text: str) -> list[Token]:
    """As a viewer of Markdown understands it."""
    return MarkdownIt("gfm-like", {"linkify": False}).parse(text)


def count(tokens: list[Token], kind: str) -> int:
    """How many of this kind."""
    return sum(each.type == kind for each in tokens)


def test_all_is_in_its_place() -> None:
    """Headings in order, and each table with its rows."""
    text = as_markdown(killed())
    headings = [line for line in text.splitlines() if line.startswith("#")]

    assert headings[0].startswith("# Incident ")
    assert headings[1:] == [
        "## Summary",
        "## Timeline",
        "## What was done",
        "## Who was told",
        "## Measured",
        "## Log",
        "## To be written by people",
        "### Cause",
        "### What we change",
    ]
    assert "| Time to recover | 8.0 s |" in text
    assert "| 12:00:02.000 | +2.0 s | alert fires" in text
    assert "| +3.0 s | hook | first | sent | 1 | 200 |" in text
    assert '| `up{service="web"}` | 1 | 0 | 1 | - |' in text
    assert "```text\nready\noops\n```" in text


def test_what_is_not_there_is_said() -> None:
    """An empty table would leave open whether something is missing."""
    (bare,) = incidents([failed(0)], [], [], at(5))
    text = as_markdown(bare)

    for words in ("**ongoing**", "none fired", "nobody was told", "not yet", "Nobody.", "Nothing."):
        assert words in text
    assert "No lines were kept." in text
    assert "## Measured" not in text


def test_what_services_wrote_cannot_break_out_of_its_place() -> None:
    """No row, cell, link, mark-up or colour of theirs, whatever they say."""
    it = killed()
    line = Line(at(1), 1.0, "failure", HOSTILE, HOSTILE, HOSTILE)
    log = Excerpt("web", 0, at(0), ("```", "````text", "# no heading", HOSTILE))
    text = as_markdown(replace(it, title=HOSTILE, lines=(line,), log=(log,)))
    tokens, harmless = parsed(text), parsed(as_markdown(replace(it, lines=it.lines[:1])))
    inline = [each for token in tokens if token.type == "inline" for each in token.children or ()]

    assert not [each for each in inline if each.type in {"link_open", "html_inline"}]
    for kind in ("tr_open", "td_open", "heading_open", "fence", "paragraph_open"):
        assert count(tokens, kind) == count(harmless, kind)
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize(
    ("end", "words"), [(9.44, "9.4 s"), (245, "4 m 05 s"), (7384, "2 h 03 m 04 s")]
)
def test_spans_are_as_people_say_them(end: float, words: str) -> None:
    """In units that fit."""
    (found,) = incidents([failed(0), started(end)], [], [], at(9000))

    assert f"| Time to recover | {words} |" in as_markdown(found)


def test_a_moment_before_the_beginning_has_an_offset_below_zero() -> None:
    """Unless it is as good as the beginning."""
    (found,) = incidents([failed(0)], [], [change(-5, -0.01)], at(9))
    text = as_markdown(found)

    assert "| -5.0 s | begun: restart web |" in text
    assert "| +0.0 s | done: restart web |" in text


def test_lines_that_are_left_out_are_counted() -> None:
    """In the middle of a very long timeline."""
    (found,) = incidents([firing(0), resolved(1)], [], [], at(5))

    assert "7 lines from the middle are left out." in as_markdown(replace(found, left_out=7))
