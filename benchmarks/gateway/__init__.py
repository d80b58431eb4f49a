"""The gateway beside other proxies, what each of its policies costs, and changes under load."""

from benchmarks.gateway.load import (
    CONNECTIONS,
    PROXY_CORE,
    REST_CORE,
    Proxy,
)
from benchmarks.gateway.load import cpu_s as _cpu_s
from benchmarks.gateway.load import found as _found
from benchmarks.gateway.load import milliseconds as _milliseconds
from benchmarks.gateway.load import running as _running
from benchmarks.gateway.peers import bare_envoy as _bare_envoy
from benchmarks.gateway.peers import service as _service

SECONDS = 3

__all__ = [
    "CONNECTIONS",
    "PROXY_CORE",
    "REST_CORE",
    "SECONDS",
    "Proxy",
    "_bare_envoy",
    "_cpu_s",
    "_found",
    "_milliseconds",
    "_running",
    "_service",
]
