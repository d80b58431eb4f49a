"""Messages by mail, over SMTP."""

import re
import smtplib
import socket
import ssl
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from functools import partial
from typing import TYPE_CHECKING

from anyio import fail_after, to_thread

from intertie.monitor.channels.mail import address, composed
from intertie.monitor.channels.port import ChannelError, Message, Resolve, resolved, shown
from intertie.monitor.channels.text import render
from intertie.monitor.channels.words import Words
from intertie.suite.monitoring import EmailChannel

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

TIMEOUT_S = 14.0
_STEP_S = 10.0
"""Of each step of a delivery."""
_MOST_PARTIAL = 100
_TEMPORARY = range(400, 500)
_GOES = 421

Refusals = Mapping[str, tuple[int, bytes]]
"""Why an address was refused: the server's code and words."""


class Email:
    """Sends a message to each address; tried again, only to those that have not got it."""

    def __init__(
        self,
        name: str,
        config: EmailChannel,
        *,
        resolve: Resolve,
        trusted: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
        words: Words = render,
    ) -> None:
        """`trusted` None: the certificates that the system trusts; `timeout_s`: of a whole try."""
        self.name = name
        self._config = config
        self._resolve = resolve
        self._trusted = trusted
        self._timeout_s = timeout_s
        self._words = words
        self._left: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        """Addresses that a message has not reached while others have it, by its key."""

    async def send(self, message: Message) -> str:
        """As `Channel`."""
        secret = self._config.password
        password = await resolved(self._resolve, secret, channel=self.name) if secret else ""
        left = self._left.get(message.key, tuple(self._config.to))
        work = partial(self._deliver, message, left, password)
        try:
            with fail_after(self._timeout_s):
                answer, refused = await to_thread.run_sync(work, abandon_on_cancel=True)
        except TimeoutError as exc:
            why = f"{self._config.host} is not done within {self._timeout_s:g}s"
            raise self._error(why, retry=True) from exc
        self._remember(message.key, refused)
        if refused:
            retry = any(code in _TEMPORARY for code, _ in refused.values())
            raise self._error(shown(_why(refused), self._hidden(password)), retry=retry)
        return shown(answer, self._hidden(password))

    def _remember(self, key: str, refused: Refusals) -> None:
        self._left.pop(key, None)
        if refused:
            self._left[key] = tuple(refused)
        while len(self._left) > _MOST_PARTIAL:
            self._left.popitem(last=False)

    def _deliver(
        self, message: Message, left: tuple[str, ...], password: str
    ) -> tuple[str, Refusals]:
        """What the server said to the mail, and whom it refused; a thread runs it."""
        try:
            to, sender = self._config.to, self._config.sender
            mail = composed(message, sender=sender, to=to, words=self._words)
            with self._session(password) as session:
                return session.delivered(mail, sender, left)
        except (OSError, ValueError) as exc:
            # What smtplib says may quote the password.
            raise self._judged(exc, password) from None

    @contextmanager
    def _session(self, password: str) -> Iterator["_Session"]:
        config = self._config
        trusted = self._trusted or ssl.create_default_context()
        session = _opened(config, trusted)
        try:
            if config.tls == "starttls":
                session.starttls(context=trusted)
            if config.username is not None:
                session.login(config.username, password)
            yield session
            # The mail is taken: that the farewell fails does not take it back.
            with suppress(smtplib.SMTPException, OSError):
                session.quit()
        finally:
            session.close()

    def _judged(self, exc: OSError | ValueError, password: str) -> ChannelError:
        host = self._config.host
        match exc:
            case smtplib.SMTPResponseException():
                why, retry = _answer(exc.smtp_code, exc.smtp_error), exc.smtp_code in _TEMPORARY
                why = f"{host} answers {why}"
            case smtplib.SMTPServerDisconnected():
                why, retry = f"{host} hung up: {exc}", True
            case ssl.SSLCertVerificationError():
                why, retry = f"{host} has no certificate to trust: {exc.verify_message}", False
            case smtplib.SMTPException():
                why, retry = f"{host}: {exc}", False
            case OSError():
                why, retry = f"{host} cannot be reached: {exc}", True
            case UnicodeError():
                why, retry = "username, password or an address has a sign that SMTP lacks", False
            case _:
                why, retry = str(exc), False
        return self._error(shown(why, self._hidden(password)), retry=retry)

    def _hidden(self, password: str) -> list[str]:
        """The password, also as a server that does not know the command may quote it."""
        plain = f"\0{self._config.username or ''}\0{password}"
        sent = (b64encode(text.encode("utf-8", "replace")).decode() for text in (plain, password))
        return [password, *sent] if password else []

    def _error(self, why: str, *, retry: bool) -> ChannelError:
        return ChannelError(f"cannot tell by {self.name!r}: {why}", retry=retry)


class _Session(smtplib.SMTP):
    """A conversation that keeps what the server said to the mail, as its number in a queue."""

    _said: tuple[int, bytes] = (0, b"")

    def delivered(
        self, mail: EmailMessage, sender: str, to: tuple[str, ...]
    ) -> tuple[str, Refusals]:
        """Hand it over; the server's answer, and whom it refused."""
        envelope = [address(one).addr_spec for one in to]
        try:
            refused = self.send_message(mail, address(sender).addr_spec, envelope)
        except smtplib.SMTPRecipientsRefused as exc:
            # Nobody has it. After a 421 the others were not even asked.
            unasked = (_GOES, b"the server did not want to hear of any other")
            return "", {one: exc.recipients.get(one, unasked) for one in envelope}
        return _answer(*self._said), refused

    def data(self, msg: "ReadableBuffer | str") -> tuple[int, bytes]:
        """As its base."""
        self._said = super().data(msg)
        return self._said


class _SealedSession(_Session, smtplib.SMTP_SSL):
    """The same, encrypted from its first byte."""


def _opened(config: EmailChannel, trusted: ssl.SSLContext) -> _Session:
    own = _own_name()
    if config.tls == "tls":
        return _SealedSession(
            config.host, config.port, local_hostname=own, timeout=_STEP_S, context=trusted
        )
    return _Session(config.host, config.port, local_hostname=own, timeout=_STEP_S)


def _own_name() -> str:
    """For the greeting. What smtplib would take asks the name service, without a timeout."""
    name = socket.gethostname()
    return name if re.fullmatch(r"[A-Za-z0-9.-]{1,255}", name) else "localhost"


def _answer(code: int, words: bytes | str) -> str:
    told = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {told}"


def _why(refused: Refusals) -> str:
    return "; ".join(f"{to} is refused: {_answer(*why)}" for to, why in refused.items())
