"""A message as a mail."""

import hashlib
from collections.abc import Iterable
from datetime import UTC
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses

from intertie.monitor.channels.port import Message
from intertie.monitor.channels.text import render
from intertie.monitor.channels.words import Words


def composed(
    message: Message, *, sender: str, to: Iterable[str], words: Words = render
) -> EmailMessage:
    """In plain text and in HTML. The same message for the same sender has the same Message-ID.

    Raises ValueError when an address is none.
    """
    origin, told = address(sender), words(message)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = origin
    mail["To"] = [address(one) for one in to]
    mail["Subject"] = told.subject
    mail["Date"] = format_datetime(message.at.astimezone(UTC))
    mail["Message-ID"] = f"<{_mark(message.key)}@{_domain(origin)}>"
    # RFC 3834: nobody's holiday notice answers it.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(told.text)
    mail.add_alternative(told.html, subtype="html")
    return mail


def address(text: str) -> Address:
    """An address, with or without a name, as `Night watch <night@example.org>`."""
    wrong = f"{text!r} is not a mail address"
    found = getaddresses([text])
    if not text.isprintable() or len(found) != 1:
        raise ValueError(wrong)
    (name, spec), *_ = found
    try:
        read = Address(display_name=name, addr_spec=spec)
    except (HeaderParseError, IndexError, ValueError) as exc:
        raise ValueError(wrong) from exc
    if not read.username or not read.domain:
        raise ValueError(wrong)
    return read


def _mark(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _domain(origin: Address) -> str:
    # A Message-ID is plain ASCII wherever the mail comes from.
    return origin.domain.encode("idna").decode()
