"""How a Kafka broker is reached, and how its troubles are told."""

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import errors  # type: ignore[import-untyped]
from anyio import (
    CancelScope,
    Event,
    connect_tcp,
    create_task_group,
    fail_after,
    move_on_after,
    to_thread,
)

from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig

GRACE_S = 2.0
_CUTS = 200
_CUT_S = 0.2

# Trying again does not help with any of these; with all others it may.
_PERMANENT = (
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.IncompatibleBrokerVersion,
    errors.InvalidReplicationFactorError,
    errors.InvalidSessionTimeoutError,
    errors.InvalidTopicError,
    errors.MessageSizeTooLargeError,
    errors.PolicyViolationError,
    errors.RecordTooLargeError,
    errors.SaslAuthenticationFailed,
    errors.TopicAuthorizationFailedError,
    errors.UnsupportedSaslMechanismError,
)


@dataclass(frozen=True, slots=True)
class Link:
    """One broker, as the config names it."""

    config: QueueConfig
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """Without credentials."""
        host, port = self.config.address
        return f"kafka://{host}:{port}"

    @property
    def timeout_s(self) -> float:
        """For one question to the broker."""
        return self.config.connect_timeout

    def options(self) -> dict[str, Any]:  # Any: keywords of an untyped library
        """What each client of this broker is opened with."""
        host, port = self.config.address
        sasl = self.config.username is not None
        options: dict[str, Any] = {
            "bootstrap_servers": f"{host}:{port}",
            "client_id": "intertie",
            # The library gives up first, and tidily: one that is cancelled while it connects
            # forgets the connection.
            "request_timeout_ms": int(self.timeout_s * 900),
            "security_protocol": ("SASL_" if sasl else "") + ("SSL" if self.tls else "PLAINTEXT"),
            "ssl_context": self.tls,
        }
        if sasl:
            options["sasl_plain_username"] = self.config.username
            options["sasl_plain_password"] = self.config.password or ""
        return options

    @contextmanager
    def asking(self, what: str, within_s: float | None = None) -> Iterator[None]:
        """Bounds what is done inside, and tells its failure as "cannot <what> at <where>"."""
        limit_s = self.timeout_s if within_s is None else within_s
        try:
            with fail_after(limit_s):
                yield
        except (errors.KafkaError, OSError) as exc:
            raise self.trouble(what, exc, limit_s) from exc

    def trouble(self, what: str, exc: Exception, limit_s: float) -> BusError:
        """The failure in our words. TimeoutError is an OSError and has no text of its own."""
        if isinstance(exc, TimeoutError):
            return BusUnavailableError(f"cannot {what} at {self.where}: no answer in {limit_s:g} s")
        kind = BusError if isinstance(exc, _PERMANENT) else BusUnavailableError
        return kind(f"cannot {what} at {self.where}: {_why(exc)}")

    async def unreachable(self) -> BusUnavailableError:
        """Why nobody could be talked to. The client itself does not say."""
        host, port = self.config.address
        why = "what answers there does not speak Kafka, or refuses these credentials"
        try:
            with fail_after(self.timeout_s):
                await (await connect_tcp(host, port)).aclose()
        except OSError as exc:
            why = "no answer" if isinstance(exc, TimeoutError) else _why(exc.__cause__ or exc)
        return BusUnavailableError(f"cannot reach the bus at {self.where}: {why}")


def first_of(exc: BaseException) -> BaseException:
    """What a group of errors began with."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def _why(exc: BaseException) -> str:
    exc = first_of(exc)
    if isinstance(exc, errors.BrokerResponseError):
        said = next((text for text in exc.args if text), exc.description)
        return f"the broker says {type(exc).__name__}: {said}"
    return str(exc) or type(exc).__name__


async def open_link(config: QueueConfig) -> Link:
    """Raises BusError when the file of authorities cannot be read."""
    # The client logs each failed attempt, ten times a second, while a broker is away; what matters
    # of it reaches the caller as an exception.
    quiet = logging.getLogger("aiokafka")
    if quiet.level == logging.NOTSET:
        quiet.setLevel(logging.CRITICAL + 1)
    if not config.tls:
        return Link(config)
    try:
        return Link(config, await to_thread.run_sync(_authorities, config.ca_file))
    except (OSError, ssl.SSLError) as exc:
        raise BusError(
            f"cannot use TLS for the bus: the authorities in {config.ca_file} cannot be read: {exc}"
        ) from exc


def _authorities(file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=file)


async def shut(stop: Callable[[], Awaitable[None]], cut: Callable[[], None]) -> None:
    """Stop a client however its broker fares.

    A client that is cancelled while it stops leaves its tasks behind. So it is never cancelled:
    once it had its time, `cut` makes each question that still waits fail, over and over.
    """
    stopped = Event()

    async def stopping() -> None:
        try:
            await stop()
        finally:
            stopped.set()

    with CancelScope(shield=True):
        async with create_task_group() as tasks:
            tasks.start_soon(stopping)
            with move_on_after(GRACE_S):
                await stopped.wait()
            for _ in range(_CUTS):
                if stopped.is_set():
                    return
                cut()
                with move_on_after(_CUT_S):
                    await stopped.wait()
            tasks.cancel_scope.cancel()
