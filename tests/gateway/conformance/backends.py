"""Services that read a path each in its own way, and say when they would open what is closed."""

import posixpath
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import httpx
from anyio import create_task_group, to_thread
from starlette.types import Receive, Scope, Send

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.runtime.ports import is_free
from tests.gateway.ports import PORTS
from tests.waiting import eventually

CLOSED = ("secret", "admin", "inside")
REACHED = "REACHED"
"""What an answer holds that comes from a closed place."""

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  log_format lines escape=json '$request_method $request_uri';
  access_log {folder}/access.log lines;
  server {{
    listen 127.0.0.1:{port};
    location ~ ^/({closed})(/|$) {{ return 200 "REACHED"; }}
    location / {{ return 200 "open"; }}
  }}
}}
"""
_APACHE = """
ServerName apache.test
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Mutex file:{folder}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
DocumentRoot {folder}/pages
AllowEncodedSlashes On
AliasMatch "^/({closed})(/.*)?$" {folder}/pages/reached
AliasMatch "^/.*$" {folder}/pages/open
"""


def nginx_log(folder: Path) -> list[str]:
    """Method and target of each request that came to the nginx in `folder`."""
    return (folder / "access.log").read_text().splitlines()


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[int]:
    """One that resolves dots and merges slashes; its port."""
    port = PORTS.take("nginx")
    config = _written(folder, "nginx.conf", _NGINX, port)
    command = ("/usr/sbin/nginx", "-e", f"{folder}/start.log", "-c", str(config))
    async with _running(command, port):
        yield port


@asynccontextmanager
async def apache(folder: Path) -> AsyncIterator[int]:
    """One that also decodes slashes; its port."""
    port = PORTS.take("apache")
    config = _written(folder, "apache.conf", _APACHE, port)
    command = ("/usr/sbin/apache2", "-DFOREGROUND", "-f", str(config))
    async with _running(command, port):
        yield port


def _written(folder: Path, name: str, template: str, port: int) -> Path:
    """The configuration, beside the files that a server shows."""
    pages = folder / "pages"
    pages.mkdir(parents=True)
    (pages / "reached").write_text(REACHED)
    (pages / "open").write_text("open")
    config = folder / name
    config.write_text(template.format(folder=folder, port=port, closed="|".join(CLOSED)))
    return config


@asynccontextmanager
async def starlette(*, lenient: bool = False) -> AsyncIterator[int]:
    """One of our own server, that opens files; `lenient` also does all that Java servers do."""
    listener = bind("127.0.0.1", 0)
    async with create_task_group() as group:
        await group.start(ApiServer(_Files(lenient=lenient), listener).run)
        yield listener.getsockname()[1]
        group.cancel_scope.cancel()


class _Files:
    def __init__(self, *, lenient: bool) -> None:
        self._lenient = lenient

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        path = str(scope["path"])
        text = REACHED if is_closed(lenient(path) if self._lenient else path) else "open"
        headers = [(b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})


def is_closed(path: str) -> bool:
    """Whether a server that resolves dots, slashes and backslashes would open a closed place."""
    return posixpath.normpath(path.replace("\\", "/")).strip("/").split("/")[0] in CLOSED


def lenient(path: str) -> str:
    """As a server reads it that decodes twice and drops what stands after semicolons."""
    parts = unquote(path).split("/")
    return "/".join(part.partition(";")[0] for part in parts)


@asynccontextmanager
async def _running(command: tuple[str, ...], port: int) -> AsyncIterator[None]:
    process = await to_thread.run_sync(lambda: subprocess.Popen(command))
    try:
        await eventually(lambda: not is_free(port) or process.poll() is not None, 60)
        assert process.poll() is None, f"{command[0]} did not start"
        await _shows(port)
        yield
    finally:
        process.terminate()
        await to_thread.run_sync(process.wait, 60)


async def _shows(port: int) -> None:
    """What is closed, to whoever asks without a gateway: else to try would prove nothing."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        for place in CLOSED:
            answer = await http.get(f"http://127.0.0.1:{port}/{place}")
            assert answer.text == REACHED, answer.text
