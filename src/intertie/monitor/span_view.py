"""A trace for people: lines for a terminal, or one page of HTML without anything from elsewhere.

Names and values are what services said, so they are never trusted: a terminal gets no control
characters, a page no markup.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from intertie.monitor.span_tree import Line, lines
from intertie.monitor.spans import Fields, Span, Trace

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""What a page may do: nothing but to look like something."""

_IN_PAGE = PAGE_POLICY.partition("; frame-ancestors")[0]
"""A page itself may not say who frames it."""
_MOST_DEPTH = 24
"""Deeper ones are shown at this depth."""
_LEAST_BAR = 10
_MOST_REMARK = 100
_NAME_SHARE = 0.5
_TIME_WIDTH = 9
_NS_PER = (("s", 10**9), ("ms", 10**6), ("us", 10**3))
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_STYLE = """
body{font:14px system-ui,sans-serif;margin:2em;color:#222;background:#fff}
h1{font-size:1.2em;overflow-wrap:anywhere}.note{color:#8a5a00}
details{border-top:1px solid #eee}summary{display:flex;gap:1em;padding:.2em 0;cursor:pointer}
.name{width:45%;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.track{position:relative;flex:1;background:#f4f4f4}.time{width:6em;text-align:right}
.bar{position:absolute;top:.2em;bottom:.2em;min-width:2px;background:#3b7dd8}
.error .bar{background:#c62828}.error .name{color:#c62828}
table{margin:.3em 0 .8em 2em;border-spacing:1em 0}td{vertical-align:top;overflow-wrap:anywhere}
td:first-child{color:#666}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}.track{background:#2a2a2a}
details{border-color:#333}.note{color:#e0b050}.error .name{color:#ff7070}}
"""


def plain(text: str) -> str:
    """The text with what a terminal would obey, or what turns text round, spelt out."""
    return "".join(_spelt(char) for char in text)


def as_text(trace: Trace, width: int = 100) -> str:
    """A waterfall: names, bars and times within that width, and errors after them."""
    found, window = lines(trace.spans), _Window.of(trace.spans)
    name_width = max(len(_label(each)) for each in found) if found else 0
    name_width = min(name_width, round(width * _NAME_SHARE))
    bar_width = max(_LEAST_BAR, width - name_width - _TIME_WIDTH - 4)
    told = [_heading(trace)]
    for each in found:
        name = _label(each)
        shown = name if len(name) <= name_width else name[: name_width - 1] + "…"
        bar = window.bar(each.span, bar_width)
        time = duration(each.span.duration_ns)
        told.append(f"{shown:<{name_width}} |{bar}| {time:>{_TIME_WIDTH}}{_remark(each)}")
    return "\n".join([*told, *notes(trace)]) + "\n"


def as_html(trace: Trace) -> str:
    """A whole page; its `Content-Security-Policy` is PAGE_POLICY."""
    window = _Window.of(trace.spans)
    rows = "\n".join(_row(each, window) for each in lines(trace.spans))
    told = "".join(f'<p class="note">{escape(each)}</p>' for each in notes(trace))
    title = escape(_heading(trace))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_IN_PAGE)}">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>{told}\n{rows}\n</body></html>\n"
    )


def notes(trace: Trace) -> list[str]:
    """What is odd about it, in sentences."""
    found = lines(trace.spans)
    told: list[str] = []
    orphans = sum(each.is_orphan for each in found)
    if orphans:
        told.append(
            f"parents of {_counted(orphans, 'span')} are not here: not recorded, or to come"
        )
    skewed: dict[str, int] = {}
    for each in found:
        if each.early_ns:
            name = plain(each.span.service)
            skewed[name] = max(each.early_ns, skewed.get(name, 0))
    told += [
        f"spans of {name} begin up to {duration(early_ns)} before their parents: clocks differ"
        for name, early_ns in sorted(skewed.items())
    ]
    if trace.left_out:
        told.append(f"{_counted(trace.left_out, 'more span')} not shown")
    return told


def duration(ns: int) -> str:
    """In the largest unit that leaves a whole part: `1.25 s`, `12.3 ms`, `7 us`."""
    for unit, size in _NS_PER:
        if ns >= size:
            return f"{ns / size:.4g} {unit}" if ns < size * 1000 else f"{ns / size:,.0f} {unit}"
    return f"{ns} ns"


@dataclass(frozen=True, slots=True)
class _Window:
    """The time that a trace takes."""

    start_ns: int
    end_ns: int

    @classmethod
    def of(cls, spans: Sequence[Span]) -> "_Window":
        starts, ends = [each.start_ns for each in spans], [each.end_ns for each in spans]
        return cls(min(starts, default=0), max(ends, default=0))

    def place(self, span: Span) -> tuple[float, float]:
        """Where it begins and ends: 0 to 1."""
        whole = max(1, self.end_ns - self.start_ns)
        return (span.start_ns - self.start_ns) / whole, (span.end_ns - self.start_ns) / whole

    def bar(self, span: Span, width: int) -> str:
        begin, end = self.place(span)
        first = min(width - 1, int(begin * width))
        length = max(1, min(width, round(end * width)) - first)
        return (" " * first + "█" * length).ljust(width)


def _spelt(char: str) -> str:
    if unicodedata.category(char) not in _UNSAFE:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004


def _heading(trace: Trace) -> str:
    window = _Window.of(trace.spans)
    services = len({each.service for each in trace.spans})
    errors = sum(each.status == "error" for each in trace.spans)
    counted = ((len(trace.spans), "span"), (services, "service"), (errors, "error"))
    counts = ", ".join(_counted(count, word) for count, word in counted)
    return f"trace {trace.trace_id}  {duration(window.end_ns - window.start_ns)}, {counts}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _label(line: Line) -> str:
    indent = "  " * min(line.depth, _MOST_DEPTH)
    return f"{indent}{plain(line.span.service)}  {plain(line.span.name)}"


def _remark(line: Line) -> str:
    why = plain(line.span.message)[:_MOST_REMARK]
    told = f"  ERROR {why}".rstrip() if line.span.status == "error" else ""
    return told + ("  (parent missing)" if line.is_orphan else "")


def _row(line: Line, window: _Window) -> str:
    span = line.span
    begin, end = window.place(span)
    bar = f"left:{begin:.3%};width:{max(0.0, end - begin):.3%}"
    kind = ' class="error"' if span.status == "error" else ""
    indent = min(line.depth, _MOST_DEPTH)
    name = f"{_safe(span.service)} <b>{_safe(span.name)}</b>{escape(_remark(line))}"
    cells = "".join(f"<tr><td>{n}</td><td>{text}</td></tr>" for n, text in _details(span))
    return (
        f'<details{kind}><summary><span class="name" style="padding-left:{indent}em">{name}</span>'
        f'<span class="track"><span class="bar" style="{bar}"></span></span>'
        f'<span class="time">{duration(span.duration_ns)}</span></summary>'
        f"<table>{cells}</table></details>"
    )


def _details(span: Span) -> Iterator[tuple[str, str]]:
    """Name and value, both fit for a page."""
    about = {"span": span.span_id, "parent": span.parent_id, "kind": span.kind}
    about |= {"status": f"{span.status} {span.message}".strip(), "library": span.scope}
    yield from ((name, _safe(text)) for name, text in about.items() if text)
    yield from _pairs(span.fields)
    yield from _pairs(span.resource)
    for event in span.events:
        after = f"after {duration(max(0, event.at_ns - span.start_ns))}"
        told = "; ".join(f"{name} = {text}" for name, text in _pairs(event.fields))
        yield f"{_safe(event.name)}, {after}", told
    for link in span.links:
        yield "linked to", f"{_safe(link.trace_id)} {_safe(link.span_id)}"
    if span.cut:
        yield "not kept", f"{span.cut} attributes, events and links"


def _pairs(fields: Fields) -> Iterator[tuple[str, str]]:
    return ((_safe(name), _safe(str(value))) for name, value in fields.items())


def _safe(text: str) -> str:
    return escape("".join(char if char in "\n\t" else _spelt(char) for char in text))
