"""Caches that the public tests are run against: ours, and others as they come."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic, sleep

from tests.bus.peers.server import free_port

_START_S = 60.0

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=all:8m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{origin}; proxy_http_version 1.1;
      proxy_cache all; proxy_cache_revalidate on;
    }}
  }}
}}
"""
_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
cache all
  total-max-size 64
  max-object-size 1000000
  process-vary on
frontend door
  bind 127.0.0.1:{port}
  http-request cache-use all
  http-response cache-store all
  default_backend origin
backend origin
  server origin 127.0.0.1:{origin}
"""
_APACHE = """
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
User nobody
Group nogroup
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule cache_module /usr/lib/apache2/modules/mod_cache.so
LoadModule cache_disk_module /usr/lib/apache2/modules/mod_cache_disk.so
Mutex default:{folder}/cache
DefaultRuntimeDir {folder}/cache
CacheRoot {folder}/cache
CacheEnable disk /
CacheQuickHandler on
ProxyPass / http://127.0.0.1:{origin}/
"""
# The tests want nothing kept that nobody spoke of.
_NO_DEFAULTS = ("-p", "default_ttl=0", "-p", "default_grace=0")
_VCL = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}
"""


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once somebody listens there."""
    deadline = monotonic() + _START_S
    while monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"cannot start {process.args!r}: it ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.02)
    raise RuntimeError(f"cannot start {process.args!r}: nobody listens on {port}")


@contextmanager
def running(
    command: Sequence[str], port: int, folder: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended afterwards."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=env)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def command(name: str, folder: Path, port: int, origin: int) -> Sequence[str]:
    """How one is started; its files go into the folder."""
    # Some of them give up the rights of root before they write.
    for each in (folder.parent, folder):
        each.chmod(0o777)
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o777)
    if name == "nginx":
        config = _write(folder / "nginx.conf", _NGINX, folder, port, origin)
        return (_found("nginx"), "-e", "stderr", "-c", config)
    if name == "haproxy":
        return (_found("haproxy"), "-f", _write(folder / "h.cfg", _HAPROXY, folder, port, origin))
    if name == "apache":
        config = _write(folder / "a.conf", _APACHE, folder, port, origin)
        return (_found("apache2"), "-D", "FOREGROUND", "-f", config)
    if name == "varnish":
        vcl = _write(folder / "v.vcl", _VCL, folder, port, origin)
        door = f"127.0.0.1:{port}"
        jail = ("-j", "none", "-F", "-n", str(folder / "cache"), *_NO_DEFAULTS)
        return (_found("varnishd"), *jail, "-a", door, "-f", vcl)
    return ours(folder, port, origin, store_cookies=name.endswith("store_cookies"))


def ours(folder: Path, port: int, origin: int, *, store_cookies: bool) -> Sequence[str]:
    """The cache process by itself."""
    config = folder / "config.json"
    config.write_text(
        json.dumps(
            {
                "listen": f"127.0.0.1:{port}",
                "origin": f"http://127.0.0.1:{origin}",
                "behind_gateway": False,
                "routes": {"": {"store_cookies": store_cookies}},
            }
        )
    )
    return (sys.executable, "-m", "intertie.gateway.cache", str(config))


def _write(path: Path, text: str, folder: Path, port: int, origin: int) -> str:
    path.write_text(text.format(folder=folder, port=port, origin=origin))
    return str(path)


def _found(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        raise FileNotFoundError(program)
    return path


@contextmanager
def contender(name: str, folder: Path, origin: int) -> Iterator[int]:
    """A running one in front of that origin; its port."""
    with ExitStack() as stack:
        port = free_port()
        stack.enter_context(running(command(name, folder, port, origin), port, folder))
        yield port
