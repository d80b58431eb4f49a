"""Notices in a suite's own words: templates of Jinja, in its sandbox."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

from intertie.errors import IntertieError
from intertie.monitor.channels.port import Kind, Message, Told
from intertie.monitor.channels.text import (
    Rendered,
    duration,
    moment,
    number,
    one_line,
    paragraphs,
    render,
    subject,
)
from intertie.suite.monitoring import NoticeTemplate

if TYPE_CHECKING:
    from jinja2 import Template

log = logging.getLogger(__name__)

Words = Callable[[Message], Rendered]
"""How a channel says a message; `render` are the usual ones."""

_MOST_ALERTS = 200
_LONGEST_TEXT = 10_000
_SOMETIME = datetime(2026, 1, 1, tzinfo=UTC)
_KINDS: tuple[Kind, ...] = get_args(Kind)


class _Texts(dict[str, str]):
    """Labels, of which one that is not there is an empty text, as in rules."""

    def __missing__(self, _: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class _Alert:
    """What a template knows of one alert."""

    name: str
    severity: str
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    value: float | None
    since: datetime
    until: datetime | None
    seconds: float
    """For how long it has fired."""


def words_of(template: NoticeTemplate, *, name: str) -> Words:
    """The words that a template gives; a part that it leaves out is as usual.

    A notice is never lost for its words: one that cannot be filled in is told as usual, and says
    so. Raises IntertieError when a part cannot be read.
    """
    line, page = (_compiled(part) for part in (template.subject, template.text))

    def words(message: Message) -> Rendered:
        try:
            return _filled(message, line, page)
        except Exception as exc:  # whatever a template does: people are told
            why = f"template {name!r} cannot be filled in: {one_line(str(exc))}"
            log.warning("notice told in the usual words", extra={"why": why})
            usual = render(message)
            parts = (part for part in (usual.intro, f"({why})") if part)
            return replace(usual, intro="\n\n".join(parts))

    return words


def faults(template: NoticeTemplate) -> Iterator[tuple[str, str]]:
    """Each part that cannot be used, and why: it is filled in with a notice of each kind."""
    for part, text in (("subject", template.subject), ("text", template.text)):
        try:
            compiled = _compiled(text)
            for kind in _KINDS:
                _filled(sample(kind), compiled, None)
        except IntertieError as exc:
            yield part, str(exc)
        except Exception as exc:  # as above
            yield part, f"cannot fill in this template: {one_line(str(exc))}"


def sample(kind: Kind) -> Message:
    """A notice of two alerts as the media suite might give it; a task has none."""
    over = _SOMETIME if kind == "resolved" else None
    began = _SOMETIME - timedelta(minutes=12)
    alerts = tuple(
        Told(
            labels={"alertname": "HighErrorRate", "severity": "critical", "service": service},
            annotations={
                "summary": f"{service} answers with errors",
                "description": "See the log.",
            },
            starts_at=began,
            ends_at=over,
            value=0.0731,
        )
        for service in ("catalog", "player")
    )
    return Message(
        key=f"sample-{kind}",
        kind=kind,
        title="backup of photos failed" if kind == "task" else "",
        text="No space left." if kind == "task" else "",
        severity="critical",
        at=_SOMETIME,
        alerts=() if kind == "task" else alerts,
        group=() if kind == "task" else (("alertname", "HighErrorRate"),),
        link="http://127.0.0.1:7700/alerts",
    )


def _compiled(text: str | None) -> "Template | None":
    if text is None:
        return None
    from jinja2 import StrictUndefined, TemplateSyntaxError  # noqa: PLC0415 - most have none
    from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: PLC0415 - as above

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"number": _number, "duration": duration, "moment": _moment}
    try:
        return environment.from_string(text)
    except TemplateSyntaxError as exc:
        raise IntertieError(
            f"cannot read this template in line {exc.lineno}: {exc.message}"
        ) from exc


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _moment(at: datetime | None) -> str:
    return "" if at is None else moment(at)


def _filled(message: Message, line: "Template | None", page: "Template | None") -> Rendered:
    known = _known(message)
    told = render(message)
    if page is not None:
        text = paragraphs(page.render(known), _LONGEST_TEXT)
        told = Rendered(told.subject, text, (), "", None)
    return replace(told, subject=one_line(line.render(known))) if line else told


def _known(message: Message) -> dict[str, object]:
    alerts = [_alert(each, message) for each in message.alerts[:_MOST_ALERTS]]
    names = dict.fromkeys(each.name for each in alerts)
    return {
        "kind": message.kind,
        "status": "resolved" if message.kind == "resolved" else "firing",
        "severity": message.severity,
        "title": message.title,
        "text": message.text,
        "subject": subject(message),
        "names": list(names),
        "alerts": alerts,
        "count": len(message.alerts),
        "firing": [each for each in alerts if each.status == "firing"],
        "resolved": [each for each in alerts if each.status == "resolved"],
        "group": _Texts(message.group),
        "link": message.link or "",
        "at": message.at,
        "trace_id": message.trace_id,
    }


def _alert(alert: Told, message: Message) -> _Alert:
    return _Alert(
        name=alert.labels.get("alertname", ""),
        severity=alert.labels.get("severity", message.severity),
        status="firing" if alert.ends_at is None else "resolved",
        labels=_Texts(alert.labels),
        annotations=_Texts(alert.annotations),
        value=alert.value,
        since=alert.starts_at,
        until=alert.ends_at,
        seconds=((alert.ends_at or message.at) - alert.starts_at).total_seconds(),
    )
