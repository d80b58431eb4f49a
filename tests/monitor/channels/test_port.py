import pytest

from intertie.monitor.channels.port import ChannelError, resolved, secrets_in, shown
from tests.monitor.channels.stage import vault

pytestmark = pytest.mark.anyio


def test_an_answer_is_one_short_line() -> None:
    """Whatever was answered."""
    assert shown("  no\r\n such \x1b[31m thing\x00 ") == "no such [31m thing"
    assert len(shown("x" * 9999)) == 500


def test_the_longest_secret_is_hidden_first() -> None:
    """A secret that is a part of another one leaves nothing of it."""
    assert shown("abc-def-ghi ABC-def", ["abc-def", "abc-def-ghi", ""]) == "*** ***"


def test_all_of_an_address_but_its_host_may_be_secret() -> None:
    """Also as it reads when it is decoded."""
    url = "https://someone:pass%20word@hooks.example/services/T0123456?token=abcdefg#fragment"
    hidden = shown(f"{url} | pass word T0123456 abcdefg fragment | hooks.example", secrets_in(url))

    assert hidden == "*** | *** *** *** *** | hooks.example"


def test_what_is_no_address_is_secret_as_a_whole() -> None:
    """It may be a key that was written in the wrong place."""
    assert shown("http://[half-a-key", secrets_in("http://[half-a-key")) == "***"
    assert shown("no half-a-key", secrets_in("half-a-key")) == "no ***"


async def test_a_secret_that_is_missing_is_a_fault_of_the_channel() -> None:
    """Which trying again does not mend."""
    with pytest.raises(ChannelError, match=r"^cannot tell by 'night': .*no such secret") as caught:
        await resolved(vault(), "${secret:gone}", channel="night")

    assert not caught.value.retry
    assert await resolved(vault(a="b"), "${secret:a}", channel="night") == "b"
