import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from intertie.forward.http import opened
from intertie.forward.record import Record
from intertie.forward.sender import BusyError, RefusedError
from tests.forward.peers import Receiver, held_port
from tests.forward.stage import records

pytestmark = pytest.mark.anyio


def texts(found: Sequence[Record]) -> object:
    """An encoding simple enough to see through."""
    return [record.line.text for record in found]


async def send(url: str) -> int:
    """One line, which is text of all kinds."""
    async with opened(url, {"X-Key": "k"}, encode=texts, lost=lambda answer: 7) as sender:
        return await sender.send(records("ä \ud800 \u2028"))


async def test_records_are_posted_as_packed_json() -> None:
    """What cannot be text becomes a question mark; the answer tells how many were thrown away."""
    with Receiver().running() as receiver:
        lost = await send(f"{receiver.url}/in")

    (request,) = receiver.requests
    assert json.loads(request.body) == ["ä ? \u2028"]
    assert (request.path, request.headers["X-Key"], lost) == ("/in", "k", 7)


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_what_is_wrong_with_the_lines_is_refused(code: int) -> None:
    """With what the target says about it."""
    with (
        Receiver(lambda request: (code, {}, "too old")).running() as receiver,
        pytest.raises(RefusedError, match=f"answers {code}: too old"),
    ):
        await send(receiver.url)


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("5", 5, 5),
        ("in 200 s", 100, 200),
        ("100000", 300, 300),
        ("soon", 0, 0),
        ("", 0, 0),
    ],
    ids=["seconds", "date", "long", "words", "nothing"],
)
async def test_a_busy_target_tells_how_long(said: str, least: float, most: float) -> None:
    """In seconds or as a date (RFC 9110, 10.2.3), up to five minutes."""
    if said == "in 200 s":
        said = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    with (
        Receiver(lambda request: (503, {"Retry-After": said}, "")).running() as receiver,
        pytest.raises(BusyError) as caught,
    ):
        await send(receiver.url)

    assert least <= caught.value.after_s <= most


async def test_a_url_is_shown_without_what_may_be_secret() -> None:
    """Neither password nor query."""
    with held_port() as port, pytest.raises(BusyError) as caught:
        await send(f"http://user:pass@127.0.0.1:{port}/in?key=word")

    assert "/in: " in str(caught.value)
    assert "pass" not in str(caught.value)
    assert "word" not in str(caught.value)
