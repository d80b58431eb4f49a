"""What browsers are shown: small pages that need neither scripts nor anything from elsewhere."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1c2330}"
    "main{max-width:24rem;margin:10vh auto;padding:2rem;background:#fff;border-radius:8px;"
    "box-shadow:0 1px 4px #0002}h1{font-size:1.3rem;margin:0 0 1rem}label{display:block;"
    "margin:.8rem 0 .2rem}input,select{width:100%;padding:.5rem;box-sizing:border-box;font:inherit}"
    "button,.button{display:block;width:100%;box-sizing:border-box;margin:1rem 0 0;padding:.6rem;"
    "font:inherit;text-align:center;border:1px solid #1f4fd8;border-radius:4px;background:#1f4fd8;"
    "color:#fff;text-decoration:none;cursor:pointer}.quiet{background:#fff;color:#1f4fd8}"
    "[role=alert]{padding:.6rem;border-left:4px solid #b3261e;background:#fbeae9}"
    "code{word-break:break-all}@media(prefers-color-scheme:dark){body{background:#14171c;"
    "color:#e6e8ec}main{background:#1e232b}.quiet{background:none;color:#9db8ff}"
    "[role=alert]{background:#3a2020}}"
)
# Asks the browser for a passkey and puts the answer into the form; the form does the rest.
SCRIPT = """
for (const form of document.querySelectorAll('form[data-passkey]')) {
  form.addEventListener('submit', async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    const told = JSON.parse(form.dataset.options);
    const bytes = (text) => Uint8Array.from(
      atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
    const list = (keys) => (keys || []).map((key) => ({...key, id: bytes(key.id)}));
    const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    try {
      const options = {...told, challenge: bytes(told.challenge)};
      let made;
      if (form.dataset.passkey === 'new') {
        options.user = {...told.user, id: bytes(told.user.id)};
        options.excludeCredentials = list(told.excludeCredentials);
        made = await navigator.credentials.create({publicKey: options});
      } else {
        options.allowCredentials = list(told.allowCredentials);
        made = await navigator.credentials.get({publicKey: options});
      }
      const given = {id: made.id, rawId: text(made.rawId), type: made.type, response: {},
        clientExtensionResults: made.getClientExtensionResults(),
        authenticatorAttachment: made.authenticatorAttachment};
      for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData',
        'signature', 'userHandle']) {
        if (made.response[name]) given.response[name] = text(made.response[name]);
      }
      if (made.response.getTransports) given.response.transports = made.response.getTransports();
      form.elements.answer.value = JSON.stringify(given);
      form.requestSubmit();
    } catch (error) {
      form.querySelector('output').textContent = 'The passkey was not used: ' + error.message;
    }
  });
}
"""


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_STYLE_HASH, _SCRIPT_HASH = _hash(STYLE), _hash(SCRIPT)


def policy(*, script: bool = False, form_to: str = "", framed_by: str = "'none'") -> str:
    """The content security policy of a page."""
    parts = [
        "default-src 'none'",
        f"style-src 'sha256-{_STYLE_HASH}'",
        f"form-action 'self' {form_to}".rstrip(),
        f"frame-ancestors {framed_by}",
        "base-uri 'none'",
    ]
    if script:
        parts.append(f"script-src 'sha256-{_SCRIPT_HASH}'")
    return "; ".join(parts)


def page(title: str, *body: str, head: str = "", script: bool = False) -> str:
    """A whole document. `body` and `head` are HTML."""
    scripts = f"<script>{SCRIPT}</script>" if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>{head}</head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(body)}</main>{scripts}</body></html>"
    )


def alert(text: str) -> str:
    """Something that went wrong; nothing if the text is empty."""
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def paragraph(text: str) -> str:
    """Plain text."""
    return f"<p>{escape(text)}</p>"


def link(url: str, text: str, *, quiet: bool = False) -> str:
    """A link that looks like a button."""
    kind = "button quiet" if quiet else "button"
    return f'<a class="{kind}" href="{escape(url)}">{escape(text)}</a>'


def form(action: str, *fields: str, button: str, data: str = "", quiet: bool = False) -> str:
    """A form that is posted. `fields` and `data` are HTML."""
    kind = ' class="quiet"' if quiet else ""
    return (
        f'<form method="post" action="{escape(action)}"{data}>{"".join(fields)}'
        f"<button{kind}>{escape(button)}</button></form>"
    )


def hidden(**values: str) -> str:
    """Fields that nobody sees."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in values.items()
    )


def field(
    name: str, label: str, *, kind: str = "text", value: str = "", complete: str = "off"
) -> str:
    """A line to fill in."""
    return (
        f'<label for="{escape(name)}">{escape(label)}</label>'
        f'<input id="{escape(name)}" name="{escape(name)}" type="{escape(kind)}"'
        f' value="{escape(value)}" autocomplete="{escape(complete)}" required>'
    )


def choice(name: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    """One of some."""
    told = "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in options
    )
    return (
        f'<label for="{escape(name)}">{escape(label)}</label>'
        f'<select id="{escape(name)}" name="{escape(name)}">{told}</select>'
    )


def passkey(action: str, fields: str, options: str, *, button: str, new: bool = False) -> str:
    """A form that the browser's passkey fills in."""
    data = f' data-passkey="{"new" if new else "get"}" data-options="{escape(options)}"'
    return form(
        action, fields, hidden(answer=""), "<output></output>", button=button, data=data, quiet=True
    )


def bullets(texts: Iterable[str]) -> str:
    """A list."""
    return f"<ul>{''.join(f'<li><code>{escape(text)}</code></li>' for text in texts)}</ul>"


def onward(url: str) -> str:
    """For the head: go on at once.

    A redirect would not do after a form, for `form-action` counts for where redirects lead too.
    """
    return f'<meta http-equiv="refresh" content="0;url={escape(url)}">'
