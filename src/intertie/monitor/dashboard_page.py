"""The page of the dashboards: one file of HTML that needs nothing else, and holds no figure.

Its script asks the management API for all it shows, with the key of whoever looks.
"""

import base64
import hashlib
from pathlib import Path

_ASSETS = Path(__file__).parent / "assets"
_STYLE = (_ASSETS / "dashboard.css").read_text()
_SCRIPT = "".join(
    (_ASSETS / name).read_text() for name in ("format.js", "chart.js", "panel.js", "dashboard.js")
)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


POLICY = (
    f"default-src 'none'; style-src 'sha256-{_hash(_STYLE)}';"
    f" script-src 'sha256-{_hash(_SCRIPT)}'; connect-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy that the page needs, and no more."""

PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="icon" href="data:,"><title>Dashboards</title><style>{_STYLE}</style></head>
<body>
<header>
<h1 id="suite">Dashboards</h1>
<nav id="tabs" aria-label="Dashboards"></nav>
<div class="controls"><nav id="spans" aria-label="Time"></nav>
<button id="live" type="button" aria-pressed="true">Live</button></div>
</header>
<form id="door" hidden><input autocomplete="username" value="key" hidden>
<label for="key">Management key, token or API key</label>
<input id="key" type="password" autocomplete="current-password" required>
<button>Show</button><p id="denied" role="alert"></p></form>
<p id="trouble" role="alert" hidden></p>
<section id="now" aria-label="Now" hidden>
<div class="card"><h2>Alerts</h2><div id="alerts"></div></div>
<div class="card"><h2>Promises</h2><div id="slos"></div></div>
<div class="card"><h2>Monitoring</h2><div id="standing"></div></div>
</section>
<main id="board"></main>
<dialog id="explain" aria-labelledby="explained"><form method="dialog"><button>Close</button></form>
<div id="told"></div></dialog>
<noscript><p>This page draws with a script of its own; <code>intertie metrics query</code> answers
without one.</p></noscript>
<script>{_SCRIPT}</script>
</body></html>
"""
"""All of it; the same for everybody."""
