"""One connection to a NATS server: opened, used within timeouts, and known to be lost once it is.

It never reconnects by itself: what the server held for it is gone with the connection, and who uses
it has to know.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

from anyio import CancelScope, Event, current_time, move_on_after, to_thread
from nats import errors
from nats.aio.client import Client
from nats.js import errors as js_errors

from intertie.bus.nats_names import size_of
from intertie.bus.nats_puts import Puts
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig

_PING_S, _PINGS = 5, 2
"""A server that answers no ping for so long, so often, is gone."""
_CLOSE_S = 2.0
_CLOSED = "the connection was closed"

# The server, or its storage, may be able later.
_LATER = (
    errors.TimeoutError,
    errors.ConnectionClosedError,
    errors.StaleConnectionError,
    errors.OutboundBufferLimitError,
    errors.NoRespondersError,
    errors.NoServersError,
    js_errors.NoStreamResponseError,
    js_errors.ServiceUnavailableError,
    js_errors.ServerError,
    TimeoutError,
    OSError,
)


class _Client(Client):
    """Says no password over a line that anybody can read, when TLS was asked for."""

    def _connect_command(self) -> bytes:
        if "tls" in self.options and not self._server_info.get("tls_required"):
            raise errors.SecureConnWantedError
        return super()._connect_command()


class Link:
    """Made by `connect`."""

    def __init__(self, client: Client, config: QueueConfig) -> None:
        self.client = client
        self.js = client.jetstream(timeout=config.connect_timeout)
        self._puts = Puts(client, config.connect_timeout)
        self._timeout_s = config.connect_timeout
        self._where = address(config)
        self._why: str | None = None
        self.error: Exception | None = None
        """The last that the client told of."""
        self._closed = Event()
        self._calls: set[CancelScope] = set()
        self._watchers: set[Callable[[], None]] = set()

    @property
    def is_lost(self) -> bool:
        """Whether it is of no use any more."""
        return self._why is not None or self.client.is_closed

    def lose(self, why: str) -> None:
        """Give it up: every call in progress and every watcher learns of it at once."""
        if self._why is None:
            self._why = why
        self._puts.fail(errors.ConnectionClosedError())
        for scope in self._calls:
            scope.cancel()
        for changed in self._watchers:
            changed()

    def check(self) -> None:
        """Raises BusUnavailableError when it is lost."""
        if self.is_lost:
            raise self.unavailable(self._why or _CLOSED)

    def unavailable(self, why: str) -> BusUnavailableError:
        """Which server it is about, and why."""
        return BusUnavailableError(f"cannot reach the bus at {self._where}: {why}")

    @contextmanager
    def call(self, doing: str) -> Iterator[None]:
        """Around what is awaited of the client: a deadline, and the port's errors."""
        scope = CancelScope(deadline=current_time() + self._timeout_s)
        self._calls.add(scope)
        try:
            with self.told(doing), scope:
                yield
        finally:
            self._calls.discard(scope)
        if scope.cancelled_caught:
            raise self.unavailable(self._why or f"no answer within {self._timeout_s:g} s")

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """Around what ends by itself: the port's errors only."""
        self.check()
        try:
            yield
        except _LATER as exc:
            if isinstance(exc, js_errors.NoStreamResponseError):
                self.lose("it has no stream for this exchange any more")
            raise self.unavailable(self._why or f"cannot {doing}: {_text(exc)}") from exc
        except errors.Error as exc:
            raise BusError(f"cannot {doing} on the bus at {self._where}: {_text(exc)}") from exc

    async def start(self) -> None:
        """Once the client is connected."""
        with self.call("subscribe"):
            await self._puts.start()

    async def put(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """Return once the server's stream keeps it."""
        size = len(body) + size_of(headers)
        if size > self.client.max_payload:  # the server would hang up
            raise BusError(
                f"cannot publish {subject} on the bus at {self._where}: it has {size} bytes, the"
                f" server's max_payload is {self.client.max_payload}"
            )
        with self.told(f"publish {subject}"):
            await self._puts.put(subject, body, headers)

    @contextmanager
    def watched(self, changed: Callable[[], None]) -> Iterator[None]:
        """`changed` is called when the connection is lost meanwhile."""
        self._watchers.add(changed)
        try:
            yield
        finally:
            self._watchers.discard(changed)

    async def aclose(self) -> None:
        """Send what was not yet sent, and end the connection and its tasks."""
        self.lose(_CLOSED)
        if not self.client.options:  # refused its arguments: there is nothing to close
            return
        with move_on_after(_CLOSE_S, shield=True):
            await self.client.close()
            await self._closed.wait()

    async def on_closed(self) -> None:
        """Called by the client, last of all."""
        self._closed.set()
        self.lose(_CLOSED)

    async def on_error(self, exc: Exception) -> None:
        """Called by the client. While it is connecting, its second attempt may still succeed."""
        self.error = exc
        if self.client.is_connected and isinstance(exc, (errors.StaleConnectionError, OSError)):
            self.lose(_text(exc))


async def connect(config: QueueConfig) -> Link:
    """A link that is up. Raises BusUnavailableError, or BusError when the server refuses us."""
    link = Link(_Client(), config)
    try:
        await _open(link, config)
    except BaseException:
        await link.aclose()
        raise
    return link


async def _open(link: Link, config: QueueConfig) -> None:
    context = await to_thread.run_sync(_context, config.ca_file) if config.tls else None
    with move_on_after(config.connect_timeout) as scope:
        try:
            await link.client.connect(
                address(config),
                name="intertie",
                error_cb=link.on_error,
                closed_cb=link.on_closed,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # the least that ends: two attempts
                reconnect_time_wait=0,
                connect_timeout=ceil(config.connect_timeout),
                ping_interval=_PING_S,
                max_outstanding_pings=_PINGS,
                flush_timeout=config.connect_timeout,
                user=config.username,
                password=config.password,
                tls=context,
            )
        except (errors.Error, OSError) as exc:
            raise _refusal(link, config, exc) from exc
    if scope.cancelled_caught:
        raise link.unavailable(f"no answer within {config.connect_timeout:g} s")
    if not link.client.is_connected:
        raise link.unavailable("it hung up")
    await link.start()


def _refusal(link: Link, config: QueueConfig, exc: Exception) -> BusError:
    if isinstance(exc, errors.SecureConnWantedError):
        return BusError(f"cannot use the bus at {address(config)}: it offers no TLS")
    if "authorization violation" in str(exc).lower():  # the client keeps no more than the words
        return BusError(f"cannot use the bus at {address(config)}: wrong user or password")
    if isinstance(exc, errors.NoServersError) and link.error is not None:
        exc = link.error
    return link.unavailable(_text(exc))


def address(config: QueueConfig) -> str:
    """Where the server is, without credentials."""
    host, port = config.address
    host = f"[{host}]" if ":" in host else host
    return f"{'tls' if config.tls else 'nats'}://{host}:{port}"


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise BusError(f"cannot use ca_file {ca_file}: {exc}") from exc


def _text(exc: BaseException) -> str:
    if isinstance(exc, js_errors.ServiceUnavailableError) and not exc.description:
        return "JetStream does not answer; nats-server runs it with -js"
    if isinstance(exc, js_errors.APIError):
        return f"{exc.description} (error {exc.err_code})"
    return str(exc).removeprefix("nats: ") or type(exc).__name__
