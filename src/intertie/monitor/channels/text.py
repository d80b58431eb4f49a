"""How a message reads: the same words in each channel."""

import html
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from intertie.monitor.channels.port import Kind, Message, Told

_MOST_ALERTS = 20
_LONGEST_LINE = 300
_LONGEST_TEXT = 2000
_LONGEST_SUBJECT = 200
_WHOLE_FROM, _WHOLE_TO = 1e3, 1e15
_NAME = "alertname"
_SAID_ELSEWHERE = {_NAME, "severity"}
_SUMMARIES = ("summary", "description")
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They would let a label show another text than the one it has."""
_PREFIX: Mapping[Kind, str] = {
    "firing": "{severity}",
    "repeat": "{severity}, still firing",
    "escalation": "ESCALATED, {severity}",
    "resolved": "RESOLVED",
    "flapping": "FLAPPING, {severity}",
    "task": "{severity}",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One alert, ready to be shown."""

    name: str
    facts: tuple[tuple[str, str], ...]
    """What is known of it, as `since`, each in one line."""
    notes: tuple[str, ...]
    """What its rule says to people; may have several lines."""

    def __str__(self) -> str:
        facts = (f"  {name}: {told}" for name, told in self.facts)
        notes = (f"  {line}" for note in self.notes for line in note.splitlines())
        return "\n".join((self.name, *facts, *notes))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in words. `html` is escaped; nothing else is."""

    subject: str
    """One line."""
    intro: str
    """What stands before the alerts; may be empty."""
    entries: tuple[Entry, ...]
    more: str
    """How many alerts are not listed, in words; may be empty."""
    link: str | None
    """Only an address of http(s)."""

    @property
    def text(self) -> str:
        """All of it, for a plain page."""
        return f"{self.subject}\n\n{self.body}"

    @property
    def body(self) -> str:
        """All but the subject, for where that stands above it anyway."""
        entries = (str(entry) for entry in self.entries)
        link = f"Open: {self.link}" if self.link else ""
        parts = (self.intro, *entries, self.more, link)
        return "\n\n".join(part for part in parts if part) + "\n"

    @property
    def html(self) -> str:
        """All of it, for a mail."""
        entries = "".join(_html_entry(entry) for entry in self.entries)
        link = f'<p><a href="{html.escape(self.link)}">Open</a></p>' if self.link else ""
        body = f"{_paragraph(self.intro)}{entries}{_paragraph(self.more)}{link}"
        return (
            '<!doctype html><html><head><meta charset="utf-8"></head><body>'
            f"<h2>{html.escape(self.subject)}</h2>{body}</body></html>\n"
        )


def render(message: Message) -> Rendered:
    """The words for it. The same message gives the same words."""
    alerts = message.alerts[:_MOST_ALERTS]
    left = len(message.alerts) - len(alerts)
    return Rendered(
        subject=subject(message),
        intro=_intro(message),
        entries=tuple(_entry(alert, message) for alert in alerts),
        more=f"... and {left} more" if left else "",
        link=_link(message.link),
    )


def subject(message: Message) -> str:
    """How bad, what, and how many, in one line."""
    severity = one_line(message.severity).upper() or "NOTICE"
    prefix = _PREFIX[message.kind].format(severity=severity)
    title = one_line(message.title) or _names(message)
    count = f" ({len(message.alerts)} alerts)" if len(message.alerts) > 1 else ""
    return cut(f"[{prefix}] {title}", _LONGEST_SUBJECT - len(count)) + count


def duration(seconds: float) -> str:
    """Its two largest parts, as `2d 3h`, `12m` or `45s`; never negative."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        if count and (unit != "s" or not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def number(value: float) -> str:
    """A value to four digits; a large one whole, without an exponent up to 10^15."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    told = f"{value:.0f}" if _WHOLE_FROM <= abs(value) < _WHOLE_TO else f"{value:.4g}"
    return "0" if told == "-0" else told


def moment(at: datetime) -> str:
    """In UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def one_line(text: str) -> str:
    """Cleaned, and without line breaks."""
    return cut(" ".join(_clean(text).split()), _LONGEST_LINE)


def paragraphs(text: str, most: int = _LONGEST_TEXT) -> str:
    """Cleaned, with its line breaks, and cut."""
    return cut(_clean(text).strip(), most)


def cut(text: str, most: int) -> str:
    """Its first `most` characters; the last is `…` if there was more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _clean(text: str) -> str:
    return "".join(_printed(char) for char in text.replace("\r\n", "\n"))


def _printed(char: str) -> str:
    if char == "\n":
        return char
    if char in _BIDI:
        return ""
    kind = unicodedata.category(char)
    # A surrogate of its own is no text and breaks whatever encodes it.
    return " " if kind == "Cc" else "?" if kind == "Cs" else char


def _names(message: Message) -> str:
    names = dict.fromkeys(alert.labels.get(_NAME, "") for alert in message.alerts)
    return one_line(", ".join(name for name in names if name)) or "a notice"


def _intro(message: Message) -> str:
    group = _labels(dict(message.group))
    trace = f"Trace: {message.trace_id}" if message.trace_id else ""
    parts = (paragraphs(message.text), f"Group: {group}" if group else "", trace)
    return "\n\n".join(part for part in parts if part)


def _entry(alert: Told, message: Message) -> Entry:
    name = one_line(alert.labels.get(_NAME, "")) or "alert"
    severity = one_line(alert.labels.get("severity", message.severity))
    value = "" if alert.value is None else number(alert.value)
    facts = (
        ("severity", severity),
        ("where", _labels(alert.labels)),
        ("since", moment(alert.starts_at)),
        ("state", _state(alert, message.at)),
        ("value", value),
    )
    notes = (paragraphs(alert.annotations.get(key, "")) for key in _SUMMARIES)
    return Entry(
        name=name,
        facts=tuple((fact, told) for fact, told in facts if told),
        notes=tuple(note for note in notes if note),
    )


def _state(alert: Told, at: datetime) -> str:
    if alert.ends_at is None:
        return f"firing for {duration((at - alert.starts_at).total_seconds())}"
    return f"resolved, was firing for {duration((alert.ends_at - alert.starts_at).total_seconds())}"


def _labels(labels: Mapping[str, str]) -> str:
    told = (
        f"{one_line(name)}={one_line(value)}"
        for name, value in sorted(labels.items())
        if name not in _SAID_ELSEWHERE
    )
    return cut(", ".join(told), 2 * _LONGEST_LINE)


def _link(link: str | None) -> str | None:
    clean = (link or "").strip()
    web = clean.startswith(("https://", "http://"))
    return clean if web and clean.isprintable() and " " not in clean else None


def _html_entry(entry: Entry) -> str:
    facts = "".join(
        f"<tr><th align='left'>{html.escape(name)}</th><td>{html.escape(told)}</td></tr>"
        for name, told in entry.facts
    )
    notes = "".join(_paragraph(note) for note in entry.notes)
    return f"<h3>{html.escape(entry.name)}</h3><table>{facts}</table>{notes}"


def _paragraph(text: str) -> str:
    lines = "<br>".join(html.escape(line) for line in text.splitlines())
    return f"<p>{lines}</p>" if lines else ""
