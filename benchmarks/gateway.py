"""Requests a second and tail latency through our gateway, a bare Envoy and nginx.

All forward to the same nginx that answers 100 bytes. The proxy has one core for itself; wrk and
that nginx share the other one. Ours runs exactly as `intertie up` runs it, access log included;
`bare_envoy.json` is what a person writes by hand for one open route, access log off.
"""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from string import Template
from time import monotonic, sleep

import anyio
import psutil

from benchmarks.table import Measures, interleave, report
from intertie.gateway.controller import GatewayController
from intertie.identity.issuer import Issuer
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.engines import envoy_path, gateway_service
from intertie.runtime.hub import EventHub
from intertie.runtime.ports import Ports, is_free
from intertie.suite.model import Gateway, Suite

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
PROXY_CORE, REST_CORE = "0", "1"
_START_S = 10.0

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
_SERVICE = 'server {{ listen 127.0.0.1:{listen}; location / {{ return 200 "{body}"; }} }}'
_PROXY = """
  upstream service {{ server 127.0.0.1:{service}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{listen};
    location /open {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
    }}
  }}
"""


@dataclass(frozen=True)
class Proxy:
    """A running contender."""

    process: psutil.Process
    port: int


def main() -> None:
    """Run and print."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        service = stack.enter_context(_service(folder / "service"))
        bare = stack.enter_context(_bare_envoy(folder / "bare", service))
        nginx = stack.enter_context(_nginx(folder / "nginx", service))
        issuer = Issuer.open(folder / "keys")
        ours = stack.enter_context(_gateway(folder / "ours", service, issuer))
        token = issuer.mint("bench", now=_now(), audience="intertie", lifetime_s=3600)
        contenders: dict[str, Callable[[], Measures]] = {
            "bare Envoy": partial(_load, bare, "/open"),
            "gateway, open route": partial(_load, ours, "/open"),
            "gateway, token route": partial(_load, ours, "/closed", token),
            "nginx": partial(_load, nginx, "/open"),
        }
        report("gateway", interleave(contenders, ROUNDS), baseline="bare Envoy")


def _load(proxy: Proxy, path: str, token: str | None = None) -> Measures:
    """One round of wrk. Every answer must be a good one."""
    header = ["--header", f"Authorization: Bearer {token}"] if token else []
    url = f"http://127.0.0.1:{proxy.port}{path}"
    began = _cpu_s(proxy.process)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", *header, url]
    text = subprocess.run(
        ["taskset", "--cpu-list", REST_CORE, *command], capture_output=True, check=True, text=True
    ).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"cannot measure: not every answer was a good one\n{text}")
    requests = float(_found(r"(\d+) requests in", text))
    return {
        "requests_per_s": float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        "p99_ms": _milliseconds(_found(r"\n\s+99%\s+(\S+)", text)),
        "proxy_cpu_us": (_cpu_s(proxy.process) - began) / requests * 1e6,
    }


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"cannot measure: wrk says something else\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    number, unit = _found(r"^([\d.]+)", text), _found(r"([a-z]+)$", text)
    return float(number) * units[unit]


def _cpu_s(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


@contextmanager
def _service(folder: Path) -> Iterator[int]:
    """What all forward to; its port."""
    port = Ports().take("service")
    http = _SERVICE.format(listen=port, body="x" * 100)
    with _running(_nginx_command(folder, http), folder, port, core=REST_CORE):
        yield port


@contextmanager
def _nginx(folder: Path, service: int) -> Iterator[Proxy]:
    port = Ports().take("nginx")
    command = _nginx_command(folder, _PROXY.format(listen=port, service=service))
    with _running(command, folder, port, core=PROXY_CORE) as proxy:
        yield proxy


def _nginx_command(folder: Path, http: str) -> Sequence[str]:
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, http=http))
    return ("/usr/sbin/nginx", "-e", "stderr", "-c", str(config))


@contextmanager
def _bare_envoy(folder: Path, service: int) -> Iterator[Proxy]:
    folder.mkdir()
    port = Ports().take("bare")
    template = Template((Path(__file__).parent / "bare_envoy.json").read_text())
    config = folder / "envoy.json"
    config.write_text(template.substitute(listen=port, service=service))
    flags = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning")
    command = (str(envoy_path()), "--config-path", str(config), *flags)
    with _running(command, folder, port, core=PROXY_CORE) as proxy:
        yield proxy


@contextmanager
def _gateway(folder: Path, service: int, issuer: Issuer) -> Iterator[Proxy]:
    folder.mkdir()
    port = Ports().take("gateway")
    suite = _suite(port)
    controller = GatewayController(
        suite,
        folder,
        hub=EventHub("bench", now=_now),
        snapshot=lambda: _snapshot(suite, service),
        jwks=issuer.jwks(),
    )
    anyio.run(controller.prepare)
    command = gateway_service(suite.gateway or Gateway(), folder).command
    with _running(command, folder, port, core=PROXY_CORE) as proxy:
        yield proxy


def _suite(port: int) -> Suite:
    routes = [
        {"path": "/open", "service": "service", "auth_required": False},
        {"path": "/closed", "service": "service"},
    ]
    return Suite.model_validate(
        {
            "suite": "bench",
            "services": {"service": {"command": "true", "port": "auto"}},
            "gateway": {"port": port, "routes": routes},
        }
    )


def _snapshot(suite: Suite, port: int) -> Snapshot:
    replica = Replica(
        "service", 0, State.RUNNING, pid=1, port=port, since=_now(), restarts=0, reason=""
    )
    spec = suite.services["service"]
    return Snapshot({"service": ServiceStatus("service", spec, (replica,))})


@contextmanager
def _running(command: Sequence[str], folder: Path, port: int, *, core: str) -> Iterator[Proxy]:
    """A program on one core, once it listens; ended afterwards."""
    process = subprocess.Popen(["taskset", "--cpu-list", core, *command], cwd=folder)
    try:
        deadline = monotonic() + _START_S
        while is_free(port):
            if process.poll() is not None or monotonic() > deadline:
                raise RuntimeError(f"cannot measure: {command[0]} did not start")
            sleep(0.01)
        yield Proxy(psutil.Process(process.pid), port)
    finally:
        process.terminate()
        process.wait(_START_S)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
