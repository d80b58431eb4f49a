import socket
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest

from intertie.monitor.channels import ChannelError, channel_of
from intertie.monitor.channels.email import Email
from intertie.suite.monitoring import EmailChannel, NoticeTemplate
from tests.monitor.channels.contract import ChannelContract, Stage
from tests.monitor.channels.mailbox import Mailbox, certified, receiving
from tests.monitor.channels.stage import AT, SECRET, message, nobody, vault

pytestmark = pytest.mark.anyio


def config(port: int, **changes: Any) -> EmailChannel:
    """To two people, in plain."""
    plain: dict[str, Any] = {
        "kind": "email",
        "port": port,
        "tls": "none",
        "sender": "Night watch <night@shop.example>",
        "to": ["ann@shop.example", "Bob <bob@shop.example>"],
    }
    return EmailChannel(**plain | changes)


def email(mailbox: Mailbox, **changes: Any) -> Email:
    """A channel to it."""
    return Email("night", config(mailbox.port, **changes), resolve=vault(mine=SECRET))


class TestEmail(ChannelContract):
    @pytest.fixture
    async def stage(self) -> AsyncIterator[Stage]:
        """A channel and its other side."""
        async with receiving() as mailbox:
            secrets = vault(mine=SECRET)
            told = config(mailbox.port, username="night", password="${secret:mine}")

            def refuse() -> None:
                mailbox.lets_in = f"535 5.7.8 {SECRET} is wrong"

            def leave() -> None:
                stage.channel = Email("night", config(nobody()), resolve=secrets)

            stage = Stage(
                channel=Email("night", told, resolve=secrets),
                vault=secrets,
                arrived=mailbox.arrived,
                refuse=refuse,
                leave=leave,
            )
            self.mailbox = mailbox
            yield stage

    def harmless(self, arrived: str) -> None:
        """As `ChannelContract`."""
        (mail,) = self.mailbox.mails
        text, page = (part.get_content() for part in mail.iter_parts())
        assert "Bcc" not in mail
        assert mail["Subject"] == "[CRITICAL] <script>alert(1)</script> Bcc: evil@example.org"
        assert "<script>" in text
        assert "<script>" not in page
        assert self.mailbox.envelopes[0][1] == ("ann@shop.example", "bob@shop.example")


async def test_the_servers_answer_is_told() -> None:
    """With the number that its log knows the mail by."""
    async with receiving() as mailbox:
        assert await email(mailbox).send(message()) == "250 OK: queued as 4711"

    assert mailbox.envelopes == [("night@shop.example", ("ann@shop.example", "bob@shop.example"))]


async def test_starttls_is_used_and_checked() -> None:
    """Name and password go over it, and the certificate must be for the host."""
    pair = certified()
    async with receiving(upgrade=pair.shown) as mailbox:
        told = config(mailbox.port, tls="starttls", username="u", password="${secret:mine}")
        await Email("night", told, resolve=vault(mine=SECRET), trusted=pair.trusted).send(message())

    assert mailbox.logins == [(b"u", SECRET.encode())]
    assert len(mailbox.mails) == 1


async def test_tls_from_the_first_byte_is_used_and_checked() -> None:
    """As on port 465."""
    pair = certified()
    async with receiving(sealed=pair.shown) as mailbox:
        told = config(mailbox.port, tls="tls")
        await Email("night", told, resolve=vault(), trusted=pair.trusted).send(message())

    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.parametrize("name", ["127.0.0.1", "other.example"])
async def test_a_certificate_that_is_not_trusted_is_refused(tls: str, name: str) -> None:
    """Signed by somebody unknown, or for another host; no mail and no password is sent."""
    pair, trusted = certified(name), certified().trusted if name == "127.0.0.1" else None
    sides = {"sealed": pair.shown} if tls == "tls" else {"upgrade": pair.shown}
    async with receiving(**sides) as mailbox:
        told = config(mailbox.port, tls=tls, username="u", password="${secret:mine}")
        channel = Email("n", told, resolve=vault(mine=SECRET), trusted=trusted or pair.trusted)
        with pytest.raises(ChannelError, match=r"127.0.0.1 has no certificate to trust") as caught:
            await channel.send(message())

    assert not caught.value.retry
    assert (mailbox.mails, mailbox.logins) == ([], [])


async def test_there_is_no_way_around_starttls() -> None:
    """A server that does not offer it gets nothing."""
    async with receiving() as mailbox:
        with pytest.raises(ChannelError, match="STARTTLS") as caught:
            await email(mailbox, tls="starttls").send(message())

    assert not caught.value.retry
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("answer", "retry"), [("451 4.3.0 try later", True), ("554 5.7.1 spam", False)]
)
async def test_an_answer_says_whether_to_try_again(answer: str, retry: bool) -> None:
    """From 400 on: later. From 500 on: never."""
    async with receiving() as mailbox:
        mailbox.answer = answer
        with pytest.raises(ChannelError, match=f"127.0.0.1 answers {answer}") as caught:
            await email(mailbox).send(message())

    assert caught.value.retry is retry


@pytest.mark.parametrize(("answer", "retry"), [("454 4.7.0 later", True), ("535 no", False)])
async def test_a_refused_login_says_whether_to_try_again(answer: str, retry: bool) -> None:
    """As any other answer."""
    async with receiving() as mailbox:
        mailbox.lets_in = answer
        with pytest.raises(ChannelError, match=f"answers {answer}") as caught:
            await email(mailbox, username="u", password="${secret:mine}").send(message())

    assert caught.value.retry is retry


async def test_a_second_try_goes_only_to_those_who_have_it_not() -> None:
    """A mail server that puts one of them off does not make the other one read it twice."""
    async with receiving() as mailbox:
        mailbox.refused["bob@shop.example"] = "450 4.2.0 greylisted"
        channel = email(mailbox)
        with pytest.raises(ChannelError, match=r"bob@shop.example is refused: 450") as caught:
            await channel.send(message())
        mailbox.refused.clear()
        await channel.send(message())
        await channel.send(message(key="another"))

    assert caught.value.retry
    assert [to for _, to in mailbox.envelopes] == [
        ("ann@shop.example",),
        ("bob@shop.example",),
        ("ann@shop.example", "bob@shop.example"),
    ]
    first, second, other = (mail["Message-ID"] for mail in mailbox.mails)
    assert first == second != other


async def test_an_address_that_is_refused_for_good_is_an_error() -> None:
    """Somebody was not told; whoever else there is has the mail."""
    async with receiving() as mailbox:
        mailbox.refused["bob@shop.example"] = "550 5.1.1 no such user"
        with pytest.raises(ChannelError, match="no such user") as caught:
            await email(mailbox).send(message())

    assert not caught.value.retry
    assert mailbox.envelopes[0][1] == ("ann@shop.example",)


async def test_if_everybody_is_refused_nothing_is_sent() -> None:
    """And it says why for each."""
    async with receiving() as mailbox:
        mailbox.refused = {
            "ann@shop.example": "450 4.2.0 later",
            "bob@shop.example": "450 4.2.0 later",
        }
        with pytest.raises(ChannelError, match=r"ann@.*450.*bob@.*450") as caught:
            await email(mailbox).send(message())

    assert caught.value.retry
    assert mailbox.mails == []


async def test_whoever_was_not_even_asked_is_not_forgotten() -> None:
    """A server may close at the first address: the next try goes to all."""
    async with receiving() as mailbox:
        mailbox.refused["ann@shop.example"] = "421 4.3.2 closing"
        channel = email(mailbox)
        with pytest.raises(ChannelError, match=r"ann@.*421.*bob@.*421") as caught:
            await channel.send(message())
        mailbox.refused.clear()
        await channel.send(message())

    assert caught.value.retry
    assert mailbox.envelopes[0][1] == ("ann@shop.example", "bob@shop.example")


async def test_who_is_put_off_is_tried_again_beside_who_is_refused() -> None:
    """The one for good does not keep the other one from being told."""
    async with receiving() as mailbox:
        mailbox.refused = {"ann@shop.example": "550 gone", "bob@shop.example": "450 later"}
        channel = email(mailbox)
        with pytest.raises(ChannelError) as first:
            await channel.send(message())
        del mailbox.refused["bob@shop.example"]
        with pytest.raises(ChannelError, match=r"ann@shop.example is refused: 550") as second:
            await channel.send(message())

    assert (first.value.retry, second.value.retry) == (True, False)
    assert [to for _, to in mailbox.envelopes] == [("bob@shop.example",)]


async def test_a_server_that_says_nothing_is_left() -> None:
    """It may answer later."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = config(silent.getsockname()[1])
        with pytest.raises(ChannelError, match=r"is not done within 0.05s") as caught:
            await Email("night", told, resolve=vault(), timeout_s=0.05).send(message())

    assert caught.value.retry


async def test_a_password_is_not_shown_as_it_is_sent_either() -> None:
    """A server that quotes the whole line has it in base 64."""
    sent = b64encode(f"\0u\0{SECRET}".encode()).decode()
    async with receiving() as mailbox:
        mailbox.lets_in = f"535 what is AUTH PLAIN {sent}"
        with pytest.raises(ChannelError, match=r"what is AUTH PLAIN \*\*\*"):
            await email(mailbox, username="u", password="${secret:mine}").send(message())


@pytest.mark.parametrize("wrong", ["nobody", "a@b\r\nBcc: c@d", "@x.y", "a@b@c"])
async def test_a_wrong_address_is_told(wrong: str) -> None:
    """It cannot add a header line."""
    async with receiving() as mailbox:
        with pytest.raises(ChannelError, match="is not a mail address") as caught:
            await email(mailbox, sender=wrong).send(message())

    assert not caught.value.retry
    assert mailbox.mails == []


async def test_a_password_that_smtp_lacks_signs_for_is_not_shown() -> None:
    """The library's own words would quote it."""
    async with receiving() as mailbox:
        channel = Email(
            "night",
            config(mailbox.port, username="ü", password="${secret:mine}"),
            resolve=vault(mine="pässwörd-geheim"),
        )
        with pytest.raises(ChannelError, match="sign that SMTP lacks") as caught:
            await channel.send(message())

    assert "geheim" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_a_template_of_the_suite_is_its_words() -> None:
    """In the plain part and on the page."""
    template = NoticeTemplate(subject="{{ status }}!", text="<b>{{ names[0] }}</b>\n{{ count }}")
    async with receiving() as mailbox:
        told = channel_of(
            config(mailbox.port, template="short"),
            name="night",
            resolve=vault(),
            now=lambda: AT,
            templates={"short": template},
        )
        await told.send(message())
        (mail,) = mailbox.mails

    text, page = (part.get_content() for part in mail.iter_parts())
    assert mail["Subject"] == "firing!"
    assert "<b>HighErrorRate</b>\n1\n" in text.replace("\r\n", "\n")
    assert "<p>&lt;b&gt;HighErrorRate&lt;/b&gt;<br>1</p>" in page
