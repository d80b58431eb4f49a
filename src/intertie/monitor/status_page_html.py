"""The status page as HTML: one file, nothing loaded, no script; it comes anew each minute."""

import base64
import hashlib
from html import escape
from math import floor

from intertie.monitor.status_page import OpenIncident, ServiceStatus, StatusDay, StatusReport
from intertie.runtime.component import Status

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#59636e;--line:#d1d9e0;--back:#f6f8fa;--box:#fff;
--good:#1a7f37;--warn:#bf8700;--bad:#cf222e}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--line:#30363d;--back:#0d1117;
--box:#161b22;--good:#3fb950;--warn:#d29922;--bad:#f85149}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:52rem;padding:2rem 1rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{margin:0 0 1rem;font-size:1.6rem}
h2{margin:2rem 0 .5rem;font-size:1.1rem}
.banner{padding:.8rem 1.1rem;border-radius:8px;border:1px solid var(--line);background:var(--box);
border-left:.5rem solid var(--good);font-size:1.15rem;font-weight:600}
.banner.DEGRADED{border-left-color:var(--warn)}
.banner.DOWN{border-left-color:var(--bad)}
section,.incident{margin-top:.75rem;padding:.8rem 1.1rem;background:var(--box);
border:1px solid var(--line);border-radius:8px}
section h3{display:flex;justify-content:space-between;gap:1rem;margin:0;font-size:1rem}
.UP{color:var(--good)}
.DEGRADED{color:var(--warn)}
.DOWN{color:var(--bad)}
.banner{color:var(--ink)!important}
svg{display:block;width:100%;height:2.2rem;margin:.5rem 0 .25rem}
.good{fill:var(--good)}
.warn{fill:var(--warn)}
.bad{fill:var(--bad)}
.none{fill:var(--line)}
.foot{display:flex;justify-content:space-between;margin:0;color:var(--dim);font-size:.85rem}
footer{margin-top:2rem;color:var(--dim);font-size:.85rem}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy that the page needs, and no more."""

_AGAIN_S = 60
_GOOD, _FAIR = 99.9, 99.0
"""Percent of a day."""
_PARTS = 100
_WORDS = {Status.UP: "Up", Status.DEGRADED: "Degraded", Status.DOWN: "Down"}
_ALL = {
    Status.UP: "All services are up",
    Status.DEGRADED: "Some services are degraded",
    Status.DOWN: "Some services are down",
}


def page(report: StatusReport) -> str:
    """The whole page; every name in it is inert text."""
    title = escape(report.title)
    note = f"<p>{escape(report.note)}</p>" if report.note else ""
    body = "".join(
        (
            f'<header><h1>{title}</h1><p class="banner {report.status}" role="status">'
            f"{_ALL[report.status]}</p></header>",
            _incidents(report.incidents),
            f"<main><h2>Services</h2>{note}",
            *(_service(each) for each in report.services),
            f"</main><footer><p>As of {report.at:%Y-%m-%d %H:%M:%S} UTC. A bar is a day of UTC: the"
            " share of measurements at which all of a service was well; grey was not measured."
            "</p></footer>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="refresh" content="{_AGAIN_S}"><link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def percent(value: float | None) -> str:
    """`99.95%`; rounded down, so that a bad minute is never hidden."""
    if value is None:
        return "no data"
    return f"{floor(round(value * _PARTS, 3)) / _PARTS:g}%"


def _incidents(incidents: tuple[OpenIncident, ...]) -> str:
    if not incidents:
        return ""
    rows = "".join(
        f'<p class="incident"><strong>{escape(each.service)}</strong>: not well'
        f"{f' since {each.since:%Y-%m-%d %H:%M} UTC' if each.since else ''}</p>"
        for each in incidents
    )
    return f"<h2>Open incidents</h2>{rows}"


def _service(it: ServiceStatus) -> str:
    told = percent(it.availability)
    label = f"{it.name}: {told} of {len(it.days)} days, a bar a day"
    bars = "".join(_bar(place, day) for place, day in enumerate(it.days))
    return (
        f'<section><h3><span>{escape(it.name)}</span><span class="{it.status}">'
        f'{_WORDS[it.status]}</span></h3><svg viewBox="0 0 {len(it.days) * 4 - 1} 20" role="img"'
        f' preserveAspectRatio="none" aria-label="{escape(label)}">{bars}</svg>'
        f'<p class="foot"><span>{len(it.days)} days ago</span><span>{told}</span><span>today</span>'
        "</p></section>"
    )


def _bar(place: int, it: StatusDay) -> str:
    told = f"{it.day}: {percent(it.availability)}"
    if it.availability is not None:
        told += f" of {it.measurements:,} measurements"
    return (
        f'<rect class="{_kind(it.availability)}" x="{place * 4}" width="3" height="20">'
        f"<title>{told}</title></rect>"
    )


def _kind(availability: float | None) -> str:
    if availability is None:
        return "none"
    return "good" if availability >= _GOOD else "warn" if availability >= _FAIR else "bad"
