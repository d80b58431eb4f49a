import socket

import pytest
import trustme

from intertie.monitor.channels.port import ChannelError
from intertie.monitor.channels.post import Post, retry_after_s
from tests.monitor.channels.mailbox import certified
from tests.monitor.channels.stage import SECRET, recording

pytestmark = pytest.mark.anyio


async def posted(url: str, *, said: bytes = b"{}") -> str:
    """The answer to a small body."""
    return await Post("night", certified().trusted)(url, said, {})


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        *((status, False) for status in (400, 401, 403, 404, 410, 413)),
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
async def test_an_answer_says_whether_to_try_again(status: int, retry: bool) -> None:
    """What is wrong with us stays wrong; what is wrong with them may pass."""
    with recording() as recorder:
        recorder.status, recorder.said = status, b"not today"
        with pytest.raises(ChannelError, match=f"127.0.0.1 answers {status}: not today") as caught:
            await posted(recorder.url)

    assert caught.value.retry is retry
    assert len(recorder.requests) == 1


async def test_redirects_are_not_followed() -> None:
    """What is meant for one address goes to no other."""
    with recording() as other, recording() as recorder:
        recorder.status, recorder.headers = 307, {"Location": other.url}
        with pytest.raises(ChannelError, match="answers 307: set `url`") as caught:
            await posted(recorder.url)

    assert not caught.value.retry
    assert other.requests == []


async def test_only_the_begin_of_an_answer_is_read() -> None:
    """Nobody fills the memory with one."""
    with recording() as recorder:
        recorder.said = b"fine " + b"x" * 5_000_000
        recorder.headers = {"Content-Length": "999999999"}
        answer = await posted(recorder.url)

    assert answer.startswith("200 fine xxx")
    assert len(answer) == 500


async def test_the_environment_does_not_send_it_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy that some variable names is not asked."""
    with recording() as proxy, recording() as recorder:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        await posted(recorder.url)

    assert (len(proxy.requests), len(recorder.requests)) == (0, 1)


@pytest.mark.parametrize(
    "wrong", [f"{SECRET}/x", f"ftp://h/{SECRET}", f"http://h:{SECRET}/", f"https:///{SECRET}", ""]
)
async def test_what_is_no_address_of_the_web_is_told_without_it(wrong: str) -> None:
    """It may be a secret in the wrong place."""
    with pytest.raises(ChannelError, match="`url` is no address of http or https") as caught:
        await posted(wrong)

    assert SECRET not in str(caught.value)
    assert not caught.value.retry


async def test_a_certificate_must_be_trusted() -> None:
    """And is, if the one who signed it is."""
    authority = trustme.CA()
    pair = certified()
    authority.configure_trust(pair.trusted)
    with recording(authority) as recorder:
        assert await Post("night", pair.trusted)(recorder.url, b"{}", {}) == "200 ok"
        with pytest.raises(ChannelError, match="certificate"):
            await Post("night", None)(recorder.url, b"{}", {})

    assert len(recorder.requests) == 1


async def test_a_server_that_says_nothing_is_left() -> None:
    """It may answer later."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/{SECRET}"
        with pytest.raises(ChannelError, match=r"does not answer within 0.05s") as caught:
            await Post("night", certified().trusted, timeout_s=0.05)(url, b"{}", {})

    assert caught.value.retry


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 0 "}, 0.0),
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-4"}, None),
        ({"Retry-After": "Thu, 01 Oct 2026 12:00:30 GMT"}, None),
        (
            {
                "Retry-After": "Thu, 01 Oct 2026 12:00:30 GMT",
                "Date": "Thu, 01 Oct 2026 12:00:00 GMT",
            },
            30.0,
        ),
        (
            {
                "Retry-After": "Thu, 01 Oct 2026 11:00:00 -0000",
                "Date": "Thu, 01 Oct 2026 12:00:00 GMT",
            },
            0.0,
        ),
    ],
)
def test_a_server_may_ask_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """In seconds, or until a moment of its own clock."""
    assert retry_after_s(headers) == seconds
