"""A report on objectives as a page for people: plain HTML in one file, nothing loaded, no script.

It can be kept, printed and mailed as it is.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape
from math import floor

from intertie.monitor.slo_facts import Day, Evidence, Objective, SloReport, is_met

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#59636e;--line:#d1d9e0;--back:#fff;--box:#f6f8fa;
--good:#116329;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--line:#30363d;--back:#0d1117;
--box:#161b22;--good:#56d364;--bad:#ff7b72}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{margin:.5rem 0}
h2{margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line);font-size:1.25rem}
h3{margin:1.25rem 0 .25rem;font-size:1rem}
p{margin:.25rem 0}
.dim{color:var(--dim)}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;min-width:32rem;font-size:.9rem}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--dim);font-weight:600}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.kept{color:var(--good);font-weight:600}
.missed{color:var(--bad);font-weight:600}
svg{display:block;width:100%;height:auto;margin:.5rem 0;background:var(--box);
border:1px solid var(--line);border-radius:6px}
.bar-good{fill:var(--good)}
.bar-bad{fill:var(--bad)}
.bar-none{fill:var(--line)}
.limit{stroke:var(--dim);stroke-dasharray:4 3}
text{fill:var(--dim);font:11px system-ui,sans-serif}
code{font-family:ui-monospace,monospace;font-size:.85rem}
details{margin:1rem 0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}
dt{color:var(--dim)}
dd{margin:0;min-width:0}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy that the page needs, and no more."""

_WIDTH, _HEIGHT, _FOOT = 620, 110, 16
_PLOT = _HEIGHT - _FOOT - 8
_LEAST = 2.0
"""A bar that is there can be seen."""
_SHOWN = 1000
"""Parts of a percent."""
_MANY = 100
"""Fractions of so many do not matter."""


def page(report: SloReport) -> str:
    """The whole page; every name in it is inert text."""
    title = f"Objectives of {escape(report.month)}"
    so_far = "" if report.complete else ", the month so far"
    body = "".join(
        (
            f"<header><h1>{title}</h1><p class=dim>{_moment(report.since)} to"
            f" {_moment(report.until)} UTC{so_far}; made {_moment(report.made_at)}</p></header>",
            _summary(report.objectives),
            "<main>",
            *(_objective(each) for each in report.objectives),
            "</main>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def percent(value: float | None) -> str:
    """`99.95%`; rounded down, so that a promise that was not kept never looks kept."""
    if value is None:
        return "–"
    return f"{floor(round(value * _SHOWN, 3)) / _SHOWN:g}%"


def amount(value: float) -> str:
    """`1,234` or `0.25`."""
    is_whole = value == round(value) or abs(value) >= _MANY
    return f"{value:,.0f}" if is_whole else f"{value:,.2f}"


def share(value: float | None) -> str:
    """Of a budget; there is none at 100 %."""
    return "more than there is" if value is None else f"{100 * value:,.1f}%"


def verdict(met: bool | None) -> str:
    """A word for it."""
    return "no data" if met is None else "kept" if met else "missed"


def _summary(objectives: Sequence[Objective]) -> str:
    if not objectives:
        return "<p>Nothing is promised.</p>"
    rows = (
        (
            escape(each.name),
            escape(each.about),
            percent(each.objective),
            percent(each.achieved),
            _verdict(each.met),
            share(each.budget.used_share),
        )
        for each in objectives
    )
    return _table(
        ("Objective", "Of", "Promised", "Achieved", "", "Budget used"), rows, figures={2, 3, 5}
    )


def _objective(each: Objective) -> str:
    excluded = (
        f"<p>Maintenance that does not count: {amount(each.excluded_minutes)} minutes with"
        f" {amount(each.excluded)} {each.unit} ({escape(', '.join(each.excluded_windows))})</p>"
        if each.excluded_windows
        else ""
    )
    return "".join(
        (
            f"<section><h2>{escape(each.name)}</h2><p>{escape(each.about)}: promised"
            f" {percent(each.objective)}, achieved {percent(each.achieved)},"
            f" {_verdict(each.met)}</p>",
            f"<p>{amount(each.good)} of {amount(each.total)} {each.unit} were good;"
            f" {amount(each.budget.allowed)} could be bad, {amount(each.budget.used)} were,"
            f" {amount(each.budget.left)} left</p>",
            excluded,
            _bars(each),
            _worst(each),
            _evidence(each.evidence),
            _all_days(each),
            "</section>",
        )
    )


def _bars(each: Objective) -> str:
    """A bar a day, as high as its share of bad events; the line is what is allowed."""
    allowed = (100 - each.objective) / 100
    worst = max((day.bad / day.total for day in each.days if day.total > 0), default=0.0)
    top = max(worst, 2 * allowed) or 1.0
    width = _WIDTH / max(len(each.days), 1)
    bars = "".join(
        _bar(day, index * width, width, top=top, objective=each.objective)
        for index, day in enumerate(each.days)
    )
    line = 8 + _PLOT * (1 - allowed / top)
    label = f"Share of bad {each.unit} by day; the line is the {100 * allowed:g}% allowed"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{bars}'
        f'<line class="limit" x1="0" x2="{_WIDTH}" y1="{line:.1f}" y2="{line:.1f}"/></svg>'
    )


def _bar(day: Day, left: float, width: float, *, top: float, objective: float) -> str:
    bad = day.bad / day.total if day.total > 0 else 0.0
    height = max(_PLOT * bad / top, _LEAST)
    kind = "bad"
    if day.achieved is None or is_met(day.achieved, objective):
        kind = "none" if day.achieved is None else "good"
    told = f"{day.day}: {percent(day.achieved)} of {amount(day.total)}"
    number = f'<text x="{left + width / 2:.1f}" y="{_HEIGHT - 4}" text-anchor="middle">'
    return (
        f'<rect class="bar-{kind}" x="{left + 1:.1f}" y="{8 + _PLOT - height:.1f}"'
        f' width="{max(width - 2, 1):.1f}" height="{height:.1f}"><title>{escape(told)}</title>'
        f"</rect>{number}{day.day.day}</text>"
    )


def _worst(each: Objective) -> str:
    if not each.worst_days:
        return ""
    return "<h3>Worst days</h3>" + _days(each.worst_days)


def _all_days(each: Objective) -> str:
    return f"<details><summary>All days</summary>{_days(each.days)}</details>"


def _days(days: Iterable[Day]) -> str:
    rows = (
        (
            str(day.day),
            percent(day.achieved),
            amount(day.bad),
            amount(day.total),
            share(day.budget_share),
            amount(day.excluded_minutes),
        )
        for day in days
    )
    headings = ("Day", "Achieved", "Bad", "All", "Of the budget", "Excluded minutes")
    return _table(headings, rows, figures={1, 2, 3, 4, 5})


def _evidence(of: Evidence) -> str:
    told = {
        "All": of.counts,
        f"Of them {of.part_is}": of.part,
        "Share of bad ones": of.query,
        **{f"Kept as {what}": series for what, series in of.recorded.items()},
    }
    rows = "".join(
        f"<dt>{escape(what)}</dt><dd><code>{escape(text)}</code></dd>"
        for what, text in told.items()
    )
    return (
        f"<h3>Evidence</h3><dl>{rows}<dt>Samples</dt><dd>{of.samples:,} in {of.hours:,} hours;"
        f" {of.missing_hours:,} hours without; the count began again {of.restarts:,} times</dd>"
        "</dl>"
    )


def _verdict(met: bool | None) -> str:
    kind = "dim" if met is None else "kept" if met else "missed"
    return f'<span class="{kind}">{verdict(met)}</span>'


def _table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, figures: Iterable[int]
) -> str:
    """Cells are HTML already; columns of `figures` are numbers."""
    right = set(figures)
    marks = [" class=n" if place in right else "" for place in range(len(headings))]
    head = "".join(f"<th{mark}>{text}</th>" for mark, text in zip(marks, headings, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True))
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _moment(at: object) -> str:
    return escape(f"{at:%Y-%m-%d %H:%M}")
