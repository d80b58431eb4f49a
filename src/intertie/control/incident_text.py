"""An incident as Markdown: the post-mortem, but for what only people can write."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from intertie.control.incident import AlertSeen, Excerpt, Incident

_MINUTE_S = 60
_MINUTES = 60
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#])")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def as_markdown(incident: Incident) -> str:
    """The whole document; what services and people wrote cannot break out of its place."""
    parts = (
        [f"# Incident {incident.id}: {_escaped(incident.title)}"],
        _summary(incident),
        _timeline(incident),
        _done(incident),
        _told(incident),
        _measured(incident),
        _log(incident),
        _by_people(),
    )
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def _summary(it: Incident) -> Iterator[str]:
    yield from ("", "## Summary", "")
    rows = [
        ("Began", _moment(it.begin)),
        ("Ended", "**ongoing**" if it.end is None else _moment(it.end)),
        ("Services", _escaped(", ".join(it.services)) or "none"),
        ("Alerts", "<br>".join(map(_alert, it.alerts)) or "none fired"),
        ("Time to detect", _span(it.to_detect_s, "no alert fired")),
        ("Time to tell", _span(it.to_tell_s, "nobody was told")),
        ("Time to recover", _span(it.to_recover_s, "not yet")),
    ]
    yield from _table(("What", ""), rows)


def _alert(alert: AlertSeen) -> str:
    over = "fires still" if alert.resolved_at is None else f"until {_clock(alert.resolved_at)}"
    told = f"{alert.name} ({alert.severity}) from {_clock(alert.fired_at)}, {over}"
    return _escaped(f"{told}: {alert.labels}")


def _timeline(it: Incident) -> Iterator[str]:
    yield from ("", "## Timeline", "")
    rows = [
        (
            _clock(line.at),
            _offset(line.after_s),
            _escaped(line.what),
            _escaped(line.about),
            _escaped(line.by),
        )
        for line in it.lines
    ]
    yield from _table(("Time (UTC)", "Offset", "What", "About", "By"), rows)
    if it.left_out:
        yield from ("", f"{it.left_out} lines from the middle are left out.")


def _done(it: Incident) -> Iterator[str]:
    yield from ("", "## What was done", "")
    rows = [
        (_offset(each.after_s), _escaped(each.what), _escaped(each.by), _escaped(each.outcome))
        for each in it.done
    ]
    yield from _table(("Offset", "What", "By", "Outcome"), rows, none="Nothing.")


def _told(it: Incident) -> Iterator[str]:
    yield from ("", "## Who was told", "")
    rows = [
        (
            _offset(each.after_s),
            _escaped(each.channel),
            _escaped(each.kind),
            _escaped(each.status),
            str(each.tries),
            _escaped(each.answer),
        )
        for each in it.told
    ]
    headings = ("Offset", "Channel", "Kind", "Status", "Tries", "Answer")
    yield from _table(headings, rows, none="Nobody.")


def _measured(it: Incident) -> Iterator[str]:
    if not it.measured:
        return
    yield from ("", "## Measured", "")
    rows = [
        (_code(m.series), *map(_number, (m.before, m.lowest, m.highest, m.after)))
        for m in it.measured
    ]
    yield from _table(("Series", "Before", "Lowest", "Highest", "After"), rows)


def _log(it: Incident) -> Iterator[str]:
    yield from ("", "## Log", "")
    if not it.log:
        yield "No lines were kept."
    for number, each in enumerate(it.log):
        if number:
            yield ""
        yield from _excerpt(it, each)


def _excerpt(it: Incident, each: Excerpt) -> Iterator[str]:
    after_s = (each.at - it.begin).total_seconds()
    whose = f"{_escaped(each.service)}/{each.replica} at {_offset(after_s)}"
    if not each.lines:
        yield f"{whose}: it had written nothing."
        return
    yield f"The last lines of {whose}:"
    yield ""
    lines = [_plain(line) for line in each.lines]
    fence = "`" * max(
        3, 1 + max((len(run) for run in re.findall("`+", "\n".join(lines))), default=0)
    )
    yield from (f"{fence}text", *lines, fence)


def _by_people() -> Iterator[str]:
    yield from ("", "## To be written by people", "")
    yield from ("### Cause", "", "_Why did it happen, and why then?_", "")
    yield from ("### What we change", "", "_What, who, until when?_")


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, none: str = "Nothing."
) -> Iterator[str]:
    if not rows:
        yield none
        return
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _escaped(text: str) -> str:
    """As text of one line: no mark-up, no cell of its own, no link."""
    one_line = " ".join(_plain(text).split())
    return _SPECIAL.sub(r"\\\1", one_line).replace("://", ":\\//")


def _code(text: str) -> str:
    """As code within a cell: a bar still ends a cell there unless it is escaped."""
    inner = _plain(text).replace("`", "'").replace("|", r"\|")
    return f"`{inner}`"


def _plain(text: str) -> str:
    """Without colours and what else terminals obey."""
    return _CONTROL.sub("\ufffd", _ANSI.sub("", text))


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d} UTC"


def _clock(at: datetime) -> str:
    return at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def _offset(seconds: float) -> str:
    return f"{'-' if round(seconds, 1) < 0 else '+'}{_span(abs(seconds), '')}"


def _span(seconds: float | None, none: str) -> str:
    """`3.2 s`, `4 m 05 s`, `2 h 03 m 04 s`."""
    if seconds is None:
        return none
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTES)
    return f"{hours} h {minutes:02d} m {rest:02d} s" if hours else f"{minutes} m {rest:02d} s"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
