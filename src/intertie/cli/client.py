"""Talks to the daemon of a suite over its management API."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

import httpx

from intertie.cli.running import find_daemon
from intertie.errors import DaemonError, IntertieError
from intertie.runtime.folder import StateFolder
from intertie.trace_context import from_environment

_CONNECT_S = 5.0
_ANSWER_S = 60.0


class Client:
    """One connection to the management API; answers are parsed JSON."""

    def __init__(self, base_url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            headers={**_traced(), **({"authorization": f"Bearer {key}"} if key else {})},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            trust_env=False,
        )

    @classmethod
    def connect(cls, folder: StateFolder) -> Self:
        """The client of the running daemon. Raises DaemonError when there is none."""
        daemon = find_daemon(folder)
        if daemon is None:
            raise DaemonError(
                "cannot reach the suite: it is not running; start it with `intertie up`"
            )
        try:
            return cls(daemon.api_url, folder.api_key.read_text())
        except OSError as exc:
            raise DaemonError(f"cannot read the management key: {exc}") from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def address(self, path: str) -> str:
        """Where a page of the management API is, for a browser."""
        return str(self._http.base_url.join(path))

    def get(self, path: str, **params: object) -> Any:
        """The JSON answer of a GET; parameters that are None are left out."""
        return self._ask("GET", path, params=_given(params))

    def report(self, path: str) -> Any:
        """The JSON answer of a GET, also where its status says that something is down."""
        with _explained():
            return self._http.get(path).json()

    def post(self, path: str, body: object | None = None) -> Any:
        """The JSON answer of a POST."""
        return self._ask("POST", path, json=body if body is not None else {})

    def put(self, path: str, body: object, **params: object) -> Any:
        """The JSON answer of a PUT."""
        return self._ask("PUT", path, json=body, params=_given(params))

    def send(self, method: str, path: str, data: bytes, **params: object) -> Any:
        """The JSON answer to a body of bytes."""
        kind = {"content-type": "application/octet-stream"}
        return self._ask(method, path, content=data, headers=kind, params=_given(params))

    @contextmanager
    def stream(self, path: str, **params: object) -> Iterator[Iterator[bytes]]:
        """The body of a GET as it comes; it ends when the daemon, or `close`, ends it."""
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        with (
            _explained(),
            self._http.stream("GET", path, params=_given(params), timeout=timeout) as response,
        ):
            if response.is_error:
                response.read()
                _raise_for(response)
            yield _until_cut(response)

    def close(self) -> None:
        """End every stream, too."""
        self._http.close()

    def text(self, path: str) -> str:
        """The answer of a GET as it is."""
        return self._send("GET", path).text

    def delete(self, path: str) -> None:
        """A DELETE."""
        self._ask("DELETE", path)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        answer = self._send(method, path, **options)
        return answer.json() if answer.content else None

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        with _explained():
            response = self._http.request(method, path, **options)
        _raise_for(response)
        return response

    def events(self, path: str, **params: object) -> Iterator[dict[str, Any]]:
        """The data of each server-sent event, until the daemon ends the stream."""
        return self._events("GET", path, params=_given(params))

    def events_of_post(self, path: str, body: object) -> Iterator[dict[str, Any]]:
        """The same of a POST."""
        return self._events("POST", path, json=body)

    def _events(self, method: str, path: str, **options: Any) -> Iterator[dict[str, Any]]:
        timeout = httpx.Timeout(None, connect=_CONNECT_S)
        with (
            _explained(),
            self._http.stream(method, path, timeout=timeout, **options) as response,
        ):
            if response.is_error:
                response.read()
                _raise_for(response)
            # A daemon that ends cuts its streams off: that is their end, not an error.
            with suppress(httpx.RemoteProtocolError):
                for line in response.iter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line[5:])


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as exc:
        raise DaemonError(
            f"cannot reach the daemon: {str(exc) or type(exc).__name__};"
            " see `.intertie/logs/daemon.log`"
        ) from exc


def _until_cut(response: httpx.Response) -> Iterator[bytes]:
    with suppress(httpx.StreamError, httpx.TransportError):
        yield from response.iter_bytes()


def _raise_for(response: httpx.Response) -> None:
    if response.is_success:
        return
    try:
        told = response.json()
        detail = told["detail"] if "detail" in told else told["error"]
    except (ValueError, KeyError, TypeError):
        detail = f"the daemon answered {response.status_code}"
    raise IntertieError(detail)


def _traced() -> dict[str, str]:
    """What is asked for goes on in the trace of whoever runs the command, such as a pipeline."""
    context = from_environment(os.environ)
    return {} if context is None else {"traceparent": context.traceparent}


def _given(params: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not None}
