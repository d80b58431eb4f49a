"""A vendor that issues and rotates tokens: a real HTTP server in a process of its own.

It counts, can be slow, can fail, and knows three ways with refresh tokens: `reusable`; `grace`, in
which the last one is taken until the new one is used; `strict`, in which each is good once.
"""

import http.client
import json
import re
import secrets
import subprocess
import sys
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from aiohttp import web
from anyio import sleep

CLIENT = ("client-of-tests", "client-secret-of-tests")


@dataclass
class Vendor:
    """What the server knows; `control` changes it."""

    mode: str = "grace"
    lifetime_s: float = 3600.0
    slow_s: float = 0.0
    fail: int = 0
    """So many answers of the token endpoint are 503."""
    counts: dict[str, int] = field(default_factory=dict[str, int])
    refresh: str = ""
    """The one that was issued last."""
    before: str = ""
    """In grace mode, the one before it, until `refresh` is used."""
    access: dict[str, float] = field(default_factory=dict[str, float])
    codes: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    dropped: bool = False
    """The next answer of the token endpoint is given, but never arrives."""

    def count(self, what: str) -> None:
        """One more."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def grant(self) -> dict[str, Any]:
        """New tokens; the access tokens from before stay good as long as they last."""
        access = f"access-{secrets.token_hex(16)}"
        self.access[access] = time.time() + self.lifetime_s
        told: dict[str, Any] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.lifetime_s,
        }
        if self.mode != "reusable" or not self.refresh:
            self.before, self.refresh = self.refresh, f"refresh-{secrets.token_hex(16)}"
            told["refresh_token"] = self.refresh
        return told

    def takes(self, refresh: str) -> bool:
        """Whether this refresh token is good, once more."""
        if refresh == self.refresh:
            return True
        if self.mode == "grace" and refresh and refresh == self.before:
            self.refresh = self.before
            return True
        return False


async def token(request: web.Request) -> web.Response:
    """The token endpoint."""
    vendor = request.app[VENDOR]
    form = await request.post()
    kind = str(form["grant_type"])
    vendor.count("token")
    if vendor.slow_s:
        await sleep(vendor.slow_s)
    if vendor.fail:
        vendor.fail -= 1
        return web.Response(status=503, text="busy")
    if not _known(request):
        return web.json_response({"error": "invalid_client"}, status=401)
    fault = _fault(vendor, kind, form)
    if fault:
        vendor.count(f"{kind} refused")
        return web.json_response({"error": fault}, status=400)
    vendor.count(kind)
    told = vendor.grant()
    if vendor.dropped:
        vendor.dropped = False
        assert request.transport is not None
        request.transport.close()
    return web.json_response(told)


def _known(request: web.Request) -> bool:
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    return scheme == "Basic" and b64decode(pair).decode() == ":".join(CLIENT)


def _fault(vendor: Vendor, kind: str, form: Any) -> str:
    if kind == "refresh_token" and not vendor.takes(str(form["refresh_token"])):
        return "invalid_grant"
    if kind == "authorization_code":
        challenge, redirect_uri = vendor.codes.pop(str(form["code"]), ("", ""))
        digest = sha256(str(form["code_verifier"]).encode()).digest()
        shown = urlsafe_b64encode(digest).rstrip(b"=").decode()
        if shown != challenge or redirect_uri != form["redirect_uri"]:
            return "invalid_grant"
    return ""


async def authorize(request: web.Request) -> web.Response:
    """The consent page: everybody says yes at once."""
    vendor, told = request.app[VENDOR], request.query
    if told["client_id"] != CLIENT[0] or told["code_challenge_method"] != "S256":
        return web.Response(status=400, text="no such client")
    code = secrets.token_urlsafe(8)
    vendor.codes[code] = (told["code_challenge"], told["redirect_uri"])
    back = urlencode({"code": code, "state": told["state"]})
    return web.Response(status=302, headers={"location": f"{told['redirect_uri']}?{back}"})


async def me(request: web.Request) -> web.Response:
    """What needs a token."""
    vendor = request.app[VENDOR]
    shown = request.headers.get("authorization", "").removeprefix("Bearer ")
    good = vendor.access.get(shown, 0.0) > time.time()
    vendor.count("me" if good else "me refused")
    if not good:
        return web.json_response({"error": "expired"}, status=401)
    return web.json_response({"id": "ann"})


async def control(request: web.Request) -> web.Response:
    """Fields of `Vendor` are set; a grant is made, or all access tokens end, when asked for."""
    vendor, told = request.app[VENDOR], await request.json()
    for name, value in told.items():
        if name in vars(vendor):
            setattr(vendor, name, value)
    if told.get("expire"):
        vendor.access.clear()
    answer = vendor.grant() if told.get("grant") else {}
    return web.json_response({"counts": vendor.counts, "answer": answer})


VENDOR: web.AppKey[Vendor] = web.AppKey("vendor", Vendor)


def app() -> web.Application:
    """All of it."""
    made = web.Application()
    made[VENDOR] = Vendor()
    made.add_routes(
        [
            web.post("/token", token),
            web.get("/authorize", authorize),
            web.get("/me", me),
            web.post("/control", control),
        ]
    )
    return made


@dataclass(frozen=True)
class Server:
    """A running one."""

    url: str

    def control(self, **told: Any) -> dict[str, Any]:
        """See `control`."""
        body = json.dumps(told).encode()
        request = Request(f"{self.url}/control", body, {"content-type": "application/json"})  # noqa: S310
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def counts(self) -> dict[str, int]:
        """How often what was done."""
        found: dict[str, int] = self.control()["counts"]
        return found

    def consent(self, page: str) -> str:
        """Where the browser is sent after a person said yes."""
        parts = urlsplit(page)
        link = http.client.HTTPConnection(parts.netloc, timeout=60)
        try:
            link.request("GET", f"{parts.path}?{parts.query}")
            answer = link.getresponse()
            answer.read()
            assert answer.status == 302
            return str(answer.headers["location"])
        finally:
            link.close()


@contextmanager
def server() -> Iterator[Server]:
    """Started, and gone afterwards."""
    command = [sys.executable, "-m", "tests.integrations.oauth_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found is None:
                raise RuntimeError(f"cannot start the vendor: {line!r}")
            yield Server(found[0])
        finally:
            process.kill()


def main() -> None:
    """Serve on a free port, and say which."""
    web.run_app(app(), host="127.0.0.1", port=0, print=_say)


def _say(text: str) -> None:
    print(text.replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
