from email import message_from_bytes
from email.policy import default

import pytest

from intertie.monitor.channels.mail import address, composed
from tests.monitor.channels.stage import AT, hostile, message


def test_a_mail_is_text_and_page() -> None:
    """And says that no machine should answer it."""
    mail = composed(message(), sender="a@x.example", to=["b@x.example", "C <c@x.example>"])
    read = message_from_bytes(bytes(mail), policy=default)

    assert [part.get_content_type() for part in read.iter_parts()] == ["text/plain", "text/html"]
    assert read["Subject"] == "[CRITICAL] Shop is failing"
    assert read["To"] == "b@x.example, C <c@x.example>"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Date"].datetime == AT


def test_the_same_message_has_the_same_id() -> None:
    """So that a mail sent twice can be seen to be one."""
    ids = [
        composed(message(key=key), sender=sender, to=["b@x"])["Message-ID"]
        for key, sender in (("k", "a@x.example"), ("k", "a@x.example"), ("l", "a@x.example"))
    ]
    odd = composed(message(key="a>\r\nBcc: x@y\ud800"), sender="a@bücher.example", to=["b@x"])

    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@x.example>")
    assert odd["Message-ID"].endswith("@xn--bcher-kva.example>")
    assert "Bcc" not in odd


def test_no_text_becomes_a_header() -> None:
    """Nor breaks the mail."""
    raw = bytes(composed(hostile(), sender="a@x.example", to=["b@x.example"]))
    head = raw.partition(b"\r\n\r\n")[0]

    assert not [line for line in head.split(b"\r\n") if line.lower().startswith(b"bcc")]
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("wrong", ["", "a", "a@", "@b", "a@b, c@d", "a@b\nTo: c@d", "a b@c d"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    """With what was given."""
    with pytest.raises(ValueError, match="is not a mail address"):
        address(wrong)


def test_an_address_may_have_a_name() -> None:
    """In any alphabet."""
    found = address("Jürgen <j@x.example>")

    assert (found.display_name, found.addr_spec) == ("Jürgen", "j@x.example")
