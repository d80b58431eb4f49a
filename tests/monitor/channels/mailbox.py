"""A mail server that keeps what it gets."""

import ssl
from asyncio import get_running_loop
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """Its port, its mails with their envelopes, and how it answers."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """Whom each mail was from, and whom it was for."""
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    answer: str = "250 OK: queued as 4711"
    refused: dict[str, str] = field(default_factory=dict)
    """The answer to an address."""
    lets_in: str = "235 2.7.0 welcome"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take an address, or refuse it."""
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail, or refuse it."""
        if self.answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            mail = message_from_bytes(content, _class=EmailMessage, policy=default)
            self.mails.append(mail)
            self.envelopes.append((envelope.mail_from or "", tuple(envelope.rcpt_tos)))
        return self.answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Keep name and password; let in or not."""
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        welcome = self.lets_in.startswith("235")
        return AuthResult(success=welcome, handled=False, message=None if welcome else self.lets_in)

    def arrived(self) -> str:
        """All mails: subjects and texts."""
        texts = (part.get_content() for mail in self.mails for part in mail.iter_parts())
        return "\n".join([*(mail["Subject"] for mail in self.mails), *texts])


@asynccontextmanager
async def receiving(
    *, sealed: ssl.SSLContext | None = None, upgrade: ssl.SSLContext | None = None
) -> AsyncIterator[Mailbox]:
    """A server that runs: `sealed` from the first byte, or by STARTTLS, or plain."""
    mailbox = Mailbox()

    def session() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.test",
            authenticator=mailbox.authenticate,
            auth_require_tls=upgrade is not None,
            tls_context=upgrade,
            require_starttls=upgrade is not None,
        )

    server = await get_running_loop().create_server(session, "127.0.0.1", 0, ssl=sealed)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()


@dataclass(frozen=True)
class Pair:
    """What a server shows, and what a client trusts."""

    shown: ssl.SSLContext
    trusted: ssl.SSLContext


def certified(name: str = "127.0.0.1") -> Pair:
    """A certificate of our own for `name`."""
    authority = trustme.CA()
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(shown)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    return Pair(shown, trusted)
