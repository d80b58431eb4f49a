"""Wide pages with tables, for people who work with them; nothing is loaded from elsewhere."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

STYLE = (
    ":root{color-scheme:light dark;--ink:#1c2330;--dim:#59636e;--line:#d1d9e0;--back:#f4f5f7;"
    "--box:#fff;--link:#1f4fd8;--bad:#b3261e}@media(prefers-color-scheme:dark){:root{"
    "--ink:#e6e8ec;--dim:#9aa4af;--line:#3a424d;--back:#14171c;--box:#1e232b;--link:#9db8ff;"
    "--bad:#ff8a80}}*{box-sizing:border-box}body{margin:0 auto;max-width:66rem;padding:1rem;"
    "font:16px/1.5 system-ui,sans-serif;background:var(--back);color:var(--ink);"
    "overflow-wrap:anywhere}a{color:var(--link)}nav{display:flex;flex-wrap:wrap;gap:1rem;"
    "align-items:center}nav .end{margin-left:auto;color:var(--dim)}h1{font-size:1.5rem}"
    "section{background:var(--box);border:1px solid var(--line);border-radius:8px;"
    "padding:.2rem 1.2rem 1.2rem;margin:1rem 0}h2{font-size:1.15rem}h3{font-size:1rem}"
    "code,pre,textarea{font-family:ui-monospace,monospace}pre{overflow:auto;max-height:24rem;"
    "padding:.75rem;border:1px solid var(--line);border-radius:6px;font-size:.85rem;"
    "white-space:pre-wrap}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;"
    "font-size:.9rem}th,td{padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line);"
    "text-align:left;vertical-align:top}th{color:var(--dim);font-weight:600}label{display:block;"
    "margin:.6rem 0 .2rem}input,select,textarea{width:100%;max-width:34rem;padding:.4rem;"
    "font-size:1rem}textarea{min-height:7rem}button{margin:.8rem 0 0;padding:.4rem 1rem;"
    "font:inherit;border:1px solid var(--link);border-radius:4px;background:none;"
    "color:var(--link);cursor:pointer}td form{display:inline-block;margin:0 .4rem 0 0}"
    "td button{margin:0;padding:.1rem .6rem}.dim{color:var(--dim)}[role=alert],[role=status]{"
    "padding:.6rem;border-left:4px solid var(--bad)}[role=status]{border-color:var(--link)}"
)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_STYLE_HASH = _hash(STYLE)


def policy(script: str = "") -> str:
    """The content security policy of a page with this script and no other."""
    parts = [
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    if script:
        parts += [f"script-src 'sha256-{_hash(script)}'", "connect-src 'self'"]
    return "; ".join(parts)


def page(title: str, *body: str, nav: str = "", script: str = "") -> str:
    """A whole document. `body` and `nav` are HTML."""
    scripts = f"<script>{script}</script>" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>{nav}"
        f"<main><h1>{escape(title)}</h1>{''.join(body)}</main>{scripts}</body></html>"
    )


def nav(links: Sequence[tuple[str, str]], *end: str) -> str:
    """Where else one can go: address and name of each. `end` is HTML."""
    told = "".join(f'<a href="{escape(url)}">{escape(text)}</a>' for url, text in links)
    return f'<nav>{told}<span class="end">{"".join(end)}</span></nav>'


def section(title: str, *body: str) -> str:
    """A part of a page. `body` is HTML."""
    return f"<section><h2>{escape(title)}</h2>{''.join(body)}</section>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, none: str = "None.") -> str:
    """Rows of cells that are HTML; the text `none` in place of an empty one."""
    lines = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not lines:
        return f'<p class="dim">{escape(none)}</p>'
    titles = "".join(f"<th>{escape(each)}</th>" for each in heads)
    return (
        f'<div class="wide"><table><thead><tr>{titles}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def text(value: object) -> str:
    """Anything as inert text."""
    return escape(str(value))


def code(value: object) -> str:
    """The same, as it is typed."""
    return f"<code>{escape(str(value))}</code>"


def moment(at: datetime | None, *, none: str = "") -> str:
    """A time, to the minute."""
    return escape(at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if at else none)


def status(told: str) -> str:
    """Something that was done; nothing if the text is empty."""
    return f'<p role="status">{escape(told)}</p>' if told else ""


def field(
    name: str, label: str, *, kind: str = "text", hint: str = "", needed: bool = False
) -> str:
    """A line to fill in."""
    extra = " required" if needed else ""
    return (
        f'<label for="{escape(name)}">{escape(label)}</label><input id="{escape(name)}"'
        f' name="{escape(name)}" type="{escape(kind)}" placeholder="{escape(hint)}"'
        f' autocomplete="off"{extra}>'
    )
