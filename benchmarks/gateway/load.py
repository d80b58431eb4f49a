"""Programs on one core each, and wrk against them: requests a second, tail latency, CPU time."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from time import monotonic, sleep

import psutil

from benchmarks.table import Measures
from intertie.runtime.ports import is_free

CONNECTIONS = 32
PROXY_CORE, REST_CORE = "0", "1"
_START_S = 10.0
_LATER = """
local requests = {}
function init()
  for _, headers in ipairs(clients) do
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end
local at = 0
function request()
  at = at % #requests + 1
  return requests[at]
end
"""


@dataclass(frozen=True)
class Proxy:
    """A running contender."""

    process: psutil.Process
    port: int
    helper: psutil.Process | None = None
    """What works for it on the same core."""


def wrk(
    proxy: Proxy, path: str, clients: Sequence[Mapping[str, str]] = ({},), *, seconds: float
) -> Measures:
    """One round, the clients in turn. Every answer must be a good one."""
    began, helped = cpu_s(proxy.process), cpu_s(proxy.helper)
    with NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_lua(path, clients))
        script.flush()
        text = _run(script.name, proxy.port, seconds)
    requests = max(1.0, float(found(r"(\d+) requests in", text)))
    used_s = cpu_s(proxy.process) - began + cpu_s(proxy.helper) - helped
    return {
        "requests_per_s": float(found(r"Requests/sec:\s+([\d.]+)", text)),
        "p99_ms": milliseconds(found(r"\n\s+99%\s+(\S+)", text)),
        "cpu_us": used_s / requests * 1e6,
    }


def _run(script: str, port: int, seconds: float) -> str:
    flags = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:.0f}s", "--latency", "-s", script]
    command = ["taskset", "--cpu-list", REST_CORE, "wrk", *flags, f"http://127.0.0.1:{port}"]
    text = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"cannot measure: not every answer was a good one\n{text}")
    return text


def _lua(path: str, clients: Sequence[Mapping[str, str]]) -> str:
    rows = (
        "{" + ",".join(f"[{json.dumps(k)}]={json.dumps(v)}" for k, v in each.items()) + "}"
        for each in clients
    )
    return f"path = {json.dumps(path)}\nclients = {{{','.join(rows)}}}\n{_LATER}"


def found(pattern: str, text: str) -> str:
    """What wrk says there."""
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"cannot measure: wrk says something else\n{text}")
    return match[1]


def milliseconds(text: str) -> float:
    """Of `1.65ms` or `870.00us`."""
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    number, unit = found(r"^([\d.]+)", text), found(r"([a-z]+)$", text)
    return float(number) * units[unit]


def cpu_s(process: psutil.Process | None) -> float:
    """CPU time of it and its children so far."""
    if process is None:
        return 0.0
    family = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in family)


@contextmanager
def running(
    command: Sequence[str],
    folder: Path,
    port: int,
    *,
    core: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Proxy]:
    """A program on one core, once it listens; ended afterwards."""
    with child(
        command, folder, core=core, is_ready=lambda: not is_free(port), environment=environment
    ) as process:
        yield Proxy(process, port)


@contextmanager
def child(
    command: Sequence[str],
    folder: Path,
    *,
    core: str,
    is_ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[psutil.Process]:
    """The same for one that shows otherwise that it is ready."""
    words = ["taskset", "--cpu-list", core, *command]
    process = subprocess.Popen(words, cwd=folder, env=environment)
    try:
        deadline = monotonic() + _START_S
        while not is_ready():
            if process.poll() is not None or monotonic() > deadline:
                raise RuntimeError(f"cannot measure: {command[0]} did not start")
            sleep(0.01)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(_START_S)
