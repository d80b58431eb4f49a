"""An AsyncAPI document of ours as a page for people: plain HTML, nothing loaded, no script."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import cast

from intertie.control.asyncapi_fields import fields
from intertie.control.asyncapi_schema import Json

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#59636e;--line:#d1d9e0;--back:#fff;--box:#f6f8fa;
--link:#0a58ca;--send:#116329;--receive:#8a3ffc}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9aa4af;--line:#30363d;--back:#0d1117;
--box:#161b22;--link:#6cb6ff;--send:#56d364;--receive:#c297ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:62rem;padding:1rem;background:var(--back);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}
h1{margin:.5rem 0}
h2{margin:2.5rem 0 .5rem;padding-top:.75rem;border-top:1px solid var(--line);font-size:1.25rem}
h3{margin:1rem 0 .25rem;font-size:1rem}
code,pre,h2{font-family:ui-monospace,monospace}
pre{overflow:auto;padding:.75rem;background:var(--box);border:1px solid var(--line);
border-radius:6px;font-size:.85rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem}
dt{color:var(--dim)}
dd{margin:0;min-width:0}
nav ul{columns:18rem;padding-left:1.2rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;min-width:36rem;font-size:.9rem;overflow-wrap:break-word}
th,td{padding:.35rem .6rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{color:var(--dim);font-weight:600}
.send,.receive{font:600 .8rem system-ui,sans-serif;padding:.1rem .5rem;border:1px solid;
border-radius:1rem;vertical-align:middle;white-space:nowrap}
.send{color:var(--send)}
.receive{color:var(--receive)}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy that the page needs, and no more."""

_SHOWN = {"send": "the suite sends", "receive": "the suite reads"}


def page(document: Mapping[str, object]) -> str:
    """The whole page. Everything that comes from the document is inert text in it."""
    info = _table(document.get("info"))
    title = escape(str(info.get("title", "")))
    channels = _table(document.get("channels"))
    body = "".join(
        (
            f"<header><h1>{title}</h1><p>{escape(str(info.get('description', '')))}</p>",
            f'<p>Version {escape(str(info.get("version", "")))}, <a href="asyncapi.json">as'
            " AsyncAPI 3 document</a></p></header>",
            _servers(_table(document.get("servers"))),
            _contents(channels),
            "<main>",
            *(_channel(name, _table(each), document) for name, each in sorted(channels.items())),
            "</main>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>{body}</body></html>\n"
    )


def _table(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts if value)
    return f"<dl>{rows}</dl>"


def _servers(servers: Json) -> str:
    return "".join(
        _facts(
            [
                ("Broker", f"{_table(one).get('description', '')}"),
                ("Address", f"{_table(one).get('host', '')}{_table(one).get('pathname', '')}"),
                ("Protocol", str(_table(one).get("protocol", ""))),
                ("Exchange", str(_table(one).get("x-exchange", ""))),
            ]
        )
        for one in servers.values()
    )


def _contents(channels: Json) -> str:
    if not channels:
        return "<p>No topics.</p>"
    items = "".join(
        f'<li><a href="#{_anchor(name)}">{escape(name)}</a></li>' for name in sorted(channels)
    )
    return f'<nav aria-label="Topics"><h3>Topics</h3><ul>{items}</ul></nav>'


def _anchor(name: str) -> str:
    return escape(f"topic-{name}", quote=True)


def _channel(name: str, channel: Json, document: Mapping[str, object]) -> str:
    components = _table(document.get("components"))
    message = _table(_table(components.get("messages")).get(name))
    who = dict(_who(name, _table(document.get("operations"))))
    badges = "".join(f' <span class="{a}">{_SHOWN[a]}</span>' for a in _SHOWN if a in who)
    facts = [
        ("Published by", ", ".join(who.get("send", ())) or "whoever may publish"),
        ("Read by", ", ".join(who.get("receive", ())) or "whoever subscribes"),
        ("Answered on", _answer(name, _table(document.get("operations")))),
        ("Ordered by", _pointed(channel.get("x-ordering-key"))),
        ("Priorities", ", ".join(str(each) for each in _list(channel.get("x-priorities")))),
        ("At the broker", _native(channel)),
    ]
    return (
        f'<section><h2 id="{_anchor(name)}">{escape(name)}{badges}</h2>'
        f"<p>{escape(str(channel.get('description', '')))}</p>{_facts(facts)}"
        f"{_fields(_data(message), _table(components.get('schemas')))}"
        f"{_examples(message)}</section>"
    )


def _who(name: str, operations: Json) -> Iterator[tuple[str, list[str]]]:
    for action in _SHOWN:
        found = _table(operations.get(f"{action}.{name}"))
        if found:
            yield action, [str(_table(tag).get("name", "")) for tag in _list(found.get("tags"))]


def _answer(name: str, operations: Json) -> str:
    reply = _table(_table(operations.get(f"receive.{name}")).get("reply"))
    return str(_table(reply.get("channel")).get("$ref", "")).removeprefix("#/channels/")


def _pointed(expression: object) -> str:
    """A place in a message, as people write it: `data.id`."""
    return str(expression or "").partition("#/")[2].replace("/", ".")


def _native(channel: Json) -> str:
    bindings = _table(channel.get("bindings"))
    if amqp := _table(bindings.get("amqp")):
        return f"routing key of exchange {_table(amqp.get('exchange')).get('name')}"
    kafka = _table(bindings.get("kafka")).get("topic")
    return str(kafka or channel.get("x-native-address", ""))


def _data(message: Json) -> object:
    """The schema of the data, without the envelope that all messages have."""
    for part in _list(_table(message.get("payload")).get("allOf")):
        properties = _table(_table(part).get("properties"))
        if "data" in properties:
            return properties["data"]
    return {}


def _examples(message: Json) -> str:
    shown = [_table(each).get("payload") for each in _list(message.get("examples"))]
    return "".join(
        f'<h3>Example</h3><pre tabindex="0">{escape(json.dumps(one, indent=2))}</pre>'
        for one in shown
    )


def _fields(schema: object, components: Json) -> str:
    rows = fields(schema, components)
    if not rows:
        return "<p>Its data may be any JSON object.</p>"
    cells = "".join(
        f"<tr><td><code>{escape(row.name)}</code></td><td>{escape(row.type)}</td>"
        f"<td>{'yes' if row.required else 'no'}</td><td>{escape(row.meaning)}</td></tr>"
        for row in rows
    )
    return (
        '<h3>Data</h3><div class="wide" tabindex="0"><table><thead><tr><th>Field</th><th>Type</th>'
        f"<th>Required</th><th>Meaning</th></tr></thead><tbody>{cells}</tbody></table></div>"
    )
