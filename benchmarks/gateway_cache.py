"""Hits a second from our cache, beside nginx's proxy_cache and an Envoy that caches nothing.

All stand before the same nginx that answers 100 bytes. The contender has one core for itself; wrk
and that nginx share the other one. The last part asks for 100,000 addresses, each once: the memory
of the process must stay within what the configuration allows.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from string import Template
from time import monotonic, sleep

import psutil

from benchmarks.table import Measures, interleave, report
from intertie.runtime.engines import envoy_path
from intertie.runtime.ports import Ports

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
CACHE_CORE, REST_CORE = "0", "1"
SCANNED = 100_000
MAX_SIZE = 32 * 1024 * 1024
_START_S = 15.0
_MEBI = 1024 * 1024

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
  server {{ listen 127.0.0.1:{listen};
    location / {{ add_header Cache-Control "public, max-age=3600"; return 200 "{body}"; }} }}
"""
_CACHE = """
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=all:32m;
  upstream service {{ server 127.0.0.1:{service}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{listen};
    location /open {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache all;
    }}
  }}
"""


def main() -> None:
    """Run and print."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        service, _ = stack.enter_context(_service(folder / "service"))
        contenders: dict[str, Callable[[], Measures]] = {
            "bare Envoy, no cache": partial(_load, *stack.enter_context(_envoy(folder, service))),
            "intertie cache": partial(_load, *stack.enter_context(_ours(folder, service))),
            "nginx proxy_cache": partial(_load, *stack.enter_context(_nginx(folder, service))),
        }
        for run in contenders.values():
            run()  # nobody is measured cold
        report("gateway_cache", interleave(contenders, ROUNDS), baseline="bare Envoy, no cache")
        scan(folder / "scan", service)


def scan(folder: Path, service: int) -> None:
    """Print what the cache holds after so many addresses, and how much memory that took."""
    with _ours(folder, service) as (port, process):
        before = process.memory_info().rss
        began = monotonic()
        _ask_for_each(port)
        took = monotonic() - began
        grown = process.memory_info().rss - before
        print(
            f"\n{SCANNED:,} addresses in {took:.1f} s; max_size {MAX_SIZE / _MEBI:.0f} MiB;"
            f" memory {before / _MEBI:.0f} -> {(before + grown) / _MEBI:.0f} MiB"
        )
        if grown > MAX_SIZE * 1.25:
            raise RuntimeError(f"the cache took {grown / _MEBI:.0f} MiB more than before")


def _ask_for_each(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        answers = client.makefile("rb")
        for number in range(SCANNED):
            client.sendall(b"GET /open/%d HTTP/1.1\r\nHost: bench\r\n\r\n" % number)
            size = 0
            while (line := answers.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            answers.read(size)


def _load(port: int, process: psutil.Process) -> Measures:
    """One round of wrk. Every answer must be a good one."""
    began = _cpu_s(process)
    url = f"http://127.0.0.1:{port}/open"
    command = ("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", url)
    text = subprocess.run(
        ["taskset", "--cpu-list", REST_CORE, *command], capture_output=True, check=True, text=True
    ).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"cannot measure: not every answer was a good one\n{text}")
    requests = float(_found(r"(\d+) requests in", text))
    return {
        "requests_per_s": float(_found(r"Requests/sec:\s+([\d.]+)", text)),
        "p99_ms": _milliseconds(_found(r"\n\s+99%\s+(\S+)", text)),
        "cpu_us": (_cpu_s(process) - began) / requests * 1e6,
    }


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"cannot measure: wrk says something else\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    return float(_found(r"^([\d.]+)", text)) * units[_found(r"([a-z]+)$", text)]


def _cpu_s(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


@contextmanager
def _service(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """What all stand before."""
    port = Ports().take("service")
    http = _SERVICE.format(listen=port, body="x" * 100)
    with _running(_nginx_command(folder, http), folder, port, core=REST_CORE) as process:
        yield port, process


@contextmanager
def _nginx(folder: Path, service: int) -> Iterator[tuple[int, psutil.Process]]:
    port, place = Ports().take("nginx"), folder / "nginx"
    http = _CACHE.format(listen=port, service=service, folder=place)
    with _running(_nginx_command(place, http), place, port, core=CACHE_CORE) as process:
        yield port, process


def _nginx_command(folder: Path, http: str) -> Sequence[str]:
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(folder=folder, http=http))
    return ("/usr/sbin/nginx", "-e", "stderr", "-c", str(config))


@contextmanager
def _envoy(folder: Path, service: int) -> Iterator[tuple[int, psutil.Process]]:
    port, place = Ports().take("bare"), folder / "envoy"
    place.mkdir()
    template = Template((Path(__file__).parent / "bare_envoy.json").read_text())
    (place / "envoy.json").write_text(template.substitute(listen=port, service=service))
    flags = ("--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning")
    command = (str(envoy_path()), "--config-path", "envoy.json", *flags)
    with _running(command, place, port, core=CACHE_CORE) as process:
        yield port, process


@contextmanager
def _ours(folder: Path, service: int) -> Iterator[tuple[int, psutil.Process]]:
    port, place = Ports().take("cache"), folder / "ours"
    place.mkdir(parents=True)
    config = {
        "listen": f"127.0.0.1:{port}",
        "origin": f"http://127.0.0.1:{service}",
        "behind_gateway": False,
        "max_size": MAX_SIZE,
        "routes": {"": {}},
    }
    (place / "config.json").write_text(json.dumps(config))
    command = (sys.executable, "-m", "intertie.gateway.cache", "config.json")
    with _running(command, place, port, core=CACHE_CORE) as process:
        yield port, process


@contextmanager
def _running(
    command: Sequence[str], folder: Path, port: int, *, core: str
) -> Iterator[psutil.Process]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", core, *command], cwd=folder, stdout=log, stderr=log
        )
    try:
        _wait_for(port, process)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(_START_S)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = monotonic() + _START_S
    while monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.02)
    raise RuntimeError(f"cannot start {process.args!r}")


if __name__ == "__main__":
    main()
