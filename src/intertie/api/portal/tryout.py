"""The form that asks the gateway for one operation from the page, and its script."""

from html import escape

from intertie.api.portal import sheet
from intertie.api.portal.document import Operation, Parameter

_SHOWN = 100_000
_WAIT_MS = 30_000
SCRIPT = """
const form = document.getElementById('try');
const told = (id, text) => { document.getElementById(id).textContent = text; };
const address = () => {
  const query = new URLSearchParams();
  let path = form.dataset.path;
  for (const input of form.querySelectorAll('[data-in]')) {
    const name = input.dataset.name;
    if (input.dataset.in === 'path') {
      path = path.replaceAll('{' + name + '}', () => encodeURIComponent(input.value));
    } else if (input.dataset.in === 'query' && input.value) query.append(name, input.value);
  }
  const url = new URL(path, location.origin);
  url.search = query;
  if (url.origin !== location.origin) throw new Error('the address is not of this gateway');
  return url;
};
const order = () => {
  const headers = new Headers();
  for (const input of form.querySelectorAll('[data-in="header"]')) {
    if (input.value) headers.set(input.dataset.name, input.value);
  }
  const key = form.elements.key.value.trim();
  if (key) headers.set('x-api-key', key);
  const body = form.elements.body ? form.elements.body.value : '';
  if (body) headers.set('content-type', form.elements.kind.value);
  return {method: form.dataset.method, headers, body: body || undefined, cache: 'no-store',
    credentials: key ? 'omit' : 'same-origin', redirect: 'manual',
    signal: AbortSignal.timeout(%d)};
};
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  document.getElementById('answer').hidden = false;
  for (const id of ['sent', 'status', 'headers', 'body-told']) told(id, '');
  try {
    const url = address();
    told('sent', form.dataset.method + ' ' + url.pathname + url.search);
    const begin = performance.now();
    const answer = await fetch(url, order());
    if (answer.type === 'opaqueredirect') { told('status', 'a redirect'); return; }
    const text = await answer.text();
    const took = Math.round(performance.now() - begin);
    told('headers', [...answer.headers].map((each) => each.join(': ')).join('\\n'));
    told('body-told', text.slice(0, %d));
    told('status', answer.status + ' ' + answer.statusText + ' (' + took + ' ms)');
  } catch (error) {
    told('status', 'no answer: ' + error.message);
  }
});
""" % (_WAIT_MS, _SHOWN)  # noqa: UP031 — braces are part of the script
_FORBIDDEN = ("TRACE",)
"""What no browser sends for a page."""
_BODILESS = ("GET", "HEAD")


def offer(operation: Operation) -> str:
    """The form, hidden parts for the answer included."""
    if operation.method in _FORBIDDEN:
        return f'<p class="dim">Browsers do not send {escape(operation.method)} requests.</p>'
    fields = [_field(each) for each in operation.parameters if each.where != "cookie"]
    key = sheet.field("key", "API key (empty: as you are logged in)", hint="itk_…")
    return (
        f'<form id="try" data-method="{escape(operation.method)}"'
        f' data-path="{escape(operation.path)}">{"".join(fields)}{_body(operation)}{key}'
        "<button>Send</button></form><noscript><p>Trying it here needs JavaScript.</p></noscript>"
        '<div id="answer" hidden><h3>Answer</h3><p><code id="sent"></code></p>'
        '<p role="status" id="status"></p><pre id="headers"></pre><pre id="body-told"></pre></div>'
    )


def _field(parameter: Parameter) -> str:
    id = f"in-{parameter.where}-{parameter.name}"
    extra = " required" if parameter.needed else ""
    return (
        f'<label for="{escape(id)}">{escape(parameter.name)} ({parameter.where})</label>'
        f'<input id="{escape(id)}" data-in="{parameter.where}"'
        f' data-name="{escape(parameter.name)}" autocomplete="off"{extra}>'
    )


def _body(operation: Operation) -> str:
    if operation.method in _BODILESS or operation.body is None:
        return ""
    kinds = operation.body.kinds or ("application/json",)
    told = "".join(f"<option>{escape(each)}</option>" for each in kinds)
    return (
        f'<label for="kind">Kind of body</label><select id="kind" name="kind">{told}</select>'
        f'<label for="body">Body</label><textarea id="body" name="body">'
        f"\n{escape(operation.body.example)}</textarea>"
    )
