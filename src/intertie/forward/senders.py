"""Which sender speaks a target's protocol."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import assert_never
from urllib.parse import urlsplit

from intertie.forward import loki, otlp, syslog
from intertie.forward.sender import Sender
from intertie.suite.logging import LogTarget


def open_sender(
    target: LogTarget, resolve: Callable[[str], str]
) -> AbstractAsyncContextManager[Sender]:
    """Connects as it is used. Raises IntertieError for a secret that `resolve` cannot give."""
    headers = {name: resolve(value) for name, value in target.headers.items()}
    match target.kind:
        case "loki":
            return loki.sender(_full(target.url, loki.PATH), headers=headers, labels=target.labels)
        case "otlp":
            return otlp.sender(_full(target.url, otlp.PATH), headers=headers, labels=target.labels)
        case "syslog":
            return syslog.sender(target.url, labels=target.labels)
    assert_never(target.kind)


def _full(url: str, path: str) -> str:
    parts = urlsplit(url)
    return url if parts.path.strip("/") else parts._replace(path=path).geturl()
