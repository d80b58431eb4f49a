"""One request, against a receiver of this machine."""

from collections.abc import Mapping

import httpx
import pytest

from intertie.errors import IntertieError
from intertie.monitor.remote_post import Headers, Refusal, RemotePost, judged
from tests.monitor.channels.stage import nobody
from tests.monitor.receiver import Answer, Receiver, receiver

pytestmark = pytest.mark.anyio

TOKEN = "t0ken-0f-n0b0dy"


def _no_headers() -> Mapping[str, str]:
    return {}


async def posted(url: str, *, headers: Headers = _no_headers) -> Refusal | None:
    """What becomes of one request."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await RemotePost(url, headers, client, timeout_s=5)(b"samples")


async def answered(answer: Answer, *, headers: Headers = _no_headers) -> tuple[Refusal, Receiver]:
    """How that answer is understood."""
    with receiver() as made:
        made.answers.append(answer)
        refusal = await posted(made.url, headers=headers)
    assert refusal is not None
    return refusal, made


async def test_a_request_says_what_it_is() -> None:
    """As the specification wants it, the suite's own headers beside that."""
    with receiver() as made:
        refusal = await posted(made.url, headers=lambda: {"Authorization": f"Bearer {TOKEN}"})

    assert refusal is None
    assert made.bodies == [b"samples"]
    [headers] = made.headers
    assert headers["content-encoding"] == "snappy"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-prometheus-remote-write-version"] == "0.1.0"
    assert headers["authorization"] == f"Bearer {TOKEN}"


async def test_an_answer_is_shown_without_what_is_secret() -> None:
    """A receiver that repeats what it was sent tells nobody."""
    said = Answer(401, f"no such token: {TOKEN}")

    refusal, _ = await answered(said, headers=lambda: {"Authorization": f"Bearer {TOKEN}"})

    assert refusal == Refusal("it answers 401: no such token: ***", reason="401")


async def test_a_redirect_is_not_followed() -> None:
    """Samples and tokens are for the address of the suite file."""
    refusal, made = await answered(Answer(307, headers={"Location": "/elsewhere"}))

    assert refusal.reason == "307"
    assert len(made.bodies) == 1


async def test_nobody_there_may_be_somebody_later() -> None:
    """No reason to drop anything."""
    refusal = await posted(f"http://127.0.0.1:{nobody()}/write")

    assert refusal is not None
    assert refusal.reason == ""


async def test_a_secret_that_is_not_there_may_come_later() -> None:
    """Its error is told as it is."""

    def missing() -> Mapping[str, str]:
        raise IntertieError("cannot read secret 'push': it is not there")

    refusal = await posted(f"http://127.0.0.1:{nobody()}/write", headers=missing)

    assert refusal == Refusal("cannot read secret 'push': it is not there")


async def test_a_header_of_two_lines_is_not_sent_nor_shown() -> None:
    """Only its name is told."""
    refusal = await posted(
        f"http://127.0.0.1:{nobody()}/write", headers=lambda: {"X-Token": f"{TOKEN}\nX-Evil: 1"}
    )

    assert refusal is not None
    assert "X-Token" in refusal.why
    assert TOKEN not in refusal.why


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "400"), (404, "404"), (413, "413"), (302, "302"), (429, ""), (500, ""), (503, "")],
)
async def test_429_and_5xx_may_be_taken_later(status: int, reason: str) -> None:
    """Nothing else is sent again: the specification forbids it."""
    refusal = judged(status, "", {"Retry-After": "7"})

    assert refusal is not None
    assert refusal.reason == reason
    assert refusal.retry_after_s == (None if reason else 7)


@pytest.mark.parametrize("status", [200, 204])
async def test_2xx_is_taken(status: int) -> None:
    """Whatever the text says."""
    assert judged(status, "fine", {}) is None


@pytest.mark.parametrize(
    "url",
    ["http://", "ftp://a/write", "http://a:0/", "http://a:99999/", "http://[::1/", f"x{TOKEN}"],
)
async def test_what_is_no_address_is_told_without_showing_it(url: str) -> None:
    """Before anything is sent: nothing would ever arrive."""
    with pytest.raises(IntertieError, match="is no address of http or https") as caught:
        await posted(url)

    assert TOKEN not in str(caught.value)
