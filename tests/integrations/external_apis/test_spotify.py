"""Spotify, as the guide uses it, and as its own description wants it."""

from collections.abc import Iterator
from typing import Any

import pytest

from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    IntegrationError,
    InvalidError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.external_apis.spotify import SpotifyIntegration
from intertie.integrations.message import Request, Response
from tests.integrations.judged import judged
from tests.integrations.stage import Stage, answer
from tests.integrations.vendor import Vendor, started

pytestmark = pytest.mark.anyio
SECRET = "not-to-be-shown"
CONFIG = {"client_id": "c", "client_secret": SECRET}
ONCE = {"max_attempts": 1}
CALLS: dict[str, dict[str, Any]] = {
    "search": {"q": "rock music", "limit": 10, "market": "DE"},
    "track": {"id": "11dFghVXANMlKmJXsNCbNl"},
    "artist": {"id": "0TnOYISbd1XYRBk9myaseg"},
    "me": {},
    "playlists": {"user_id": "smedjan", "limit": 50},
    "playlist": {"playlist_id": "3cEYpjA9oz9GiPac4AsH4n"},
    "playlist_items": {"playlist_id": "3cEYpjA9oz9GiPac4AsH4n", "limit": 50},
    "create_playlist": {"name": "Grüße", "description": "of mine", "public": False},
    "add_items": {"playlist_id": "p", "uris": ["spotify:track:1", "spotify:track:2"]},
}


@pytest.fixture(scope="module")
def judge() -> Iterator[Vendor]:
    """Spotify's own description, served."""
    with started("spotify") as vendor:
        yield vendor


def pages(request: Request) -> Response:
    """25 tracks, 10 a page."""
    offset = int(request.url.partition("offset=")[2])
    ids = range(offset, min(offset + 10, 25))
    items = [{"id": str(each), "name": f"track {each}"} for each in ids]
    return answer({"tracks": {"items": items, "total": 25}})


async def test_a_search_goes_over_several_pages() -> None:
    """As many tracks as were asked for, and no more requests than that takes."""
    stage = Stage()
    stage.vendor.answers = pages
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    found = await spotify.search_tracks("rock music", limit=15)

    assert [each.id for each in found] == [str(number) for number in range(15)]
    assert [each.headers["authorization"] for each in stage.vendor.asked] == ["Bearer token-1"] * 2
    assert stage.vendor.asked[0].url == (
        "https://api.spotify.com/v1/search?q=rock%20music&type=track&limit=10&offset=0"
    )


@pytest.mark.parametrize(("limit", "requests"), [(0, 0), (1, 1), (10, 1), (11, 2), (25, 3)])
async def test_no_page_is_asked_for_that_is_not_needed(limit: int, requests: int) -> None:
    """Also where the last thing wanted is the last of its page."""
    stage = Stage()
    stage.vendor.answers = pages
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    found = [each async for each in spotify.search.every(q="a", at_most=limit)]

    assert len(found) == limit
    assert len(stage.vendor.asked) == requests


async def test_a_missing_consent_is_told_before_anything_is_sent() -> None:
    """With what to do about it."""
    stage = Stage()
    stage.grants.granted = frozenset({"user-read-private"})
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    with pytest.raises(ScopeMissingError, match="lacks playlist-modify-public; run: intertie"):
        await spotify.add_items(playlist_id="p", uris=["spotify:track:1"])

    assert stage.vendor.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_the_vendors_description_takes_every_operation(judge: Vendor, name: str) -> None:
    """And what it answers is read as what the operation promises."""
    async with judged(SpotifyIntegration, judge, CONFIG) as (spotify, watching):
        told = await getattr(spotify, name)(**CALLS[name])

    assert watching.wrong == []
    assert len(watching.asked) == 1
    assert isinstance(told, SpotifyIntegration.operations[name].answer)


def test_every_operation_is_judged() -> None:
    """None is left out of the calls above."""
    assert set(CALLS) == set(SpotifyIntegration.operations)


async def test_a_page_of_a_search_holds_ten() -> None:
    """More are refused before Spotify does."""
    stage = Stage()
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    with pytest.raises(InvalidError, match="limit: Input should be less than or equal to 10"):
        await spotify.search(q="a", limit=11)

    assert stage.vendor.asked == []


async def test_a_search_stops_where_spotify_shows_no_more() -> None:
    """At 1,000 tracks, whatever was asked for."""
    stage = Stage()

    def endless(request: Request) -> Response:
        offset = int(request.url.partition("offset=")[2])
        items = [{"id": str(offset + each), "name": "a"} for each in range(10)]
        return answer({"tracks": {"items": items, "total": 50_000}})

    stage.vendor.answers = endless

    found = await stage.made(SpotifyIntegration, config=CONFIG).search_tracks("a", limit=1500)

    assert len(found) == 1000
    assert stage.vendor.asked[-1].url.endswith("offset=990")


async def test_a_playlist_holds_also_what_is_no_track() -> None:
    """Files of somebody's own, episodes, and what is gone; older answers say `track`."""
    stage = Stage()
    entries = [
        {"item": {"id": "1", "type": "episode", "name": "one"}},
        {"item": {"id": None, "type": "track", "name": "my file"}},
        {"item": None},
        {"track": {"id": "4", "type": "track", "name": "four"}},
    ]
    stage.vendor.answers = lambda request: answer({"items": entries, "total": 4})
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    found = [each.item async for each in spotify.playlist_items.every(playlist_id="p")]

    assert [each.name if each else None for each in found] == ["one", "my file", None, "four"]


async def test_an_empty_page_is_the_last() -> None:
    """A vendor that says there is more, and gives none, does not hold us for ever."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"items": [], "total": 9})
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    assert await spotify.get_user_playlists("u") == []
    assert len(stage.vendor.asked) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, InvalidError),
        (401, AuthExpiredError),
        (403, ScopeMissingError),
        (404, AbsentError),
        (429, ThrottledError),
        (500, VendorDownError),
        (502, VendorDownError),
    ],
)
async def test_a_refusal_is_understood(status: int, expected: type[IntegrationError]) -> None:
    """With what Spotify says of it."""
    stage = Stage()
    told = {"error": {"status": status, "message": "why it is so"}}
    stage.vendor.answers = lambda request: answer(told, status, retry_after="30")
    spotify = stage.made(SpotifyIntegration, config=CONFIG, retry_policy=ONCE)

    with pytest.raises(IntegrationError, match="why it is so") as caught:
        await spotify.track(id="1")

    assert type(caught.value) is expected
    assert caught.value.retry_after_s == (30.0 if status >= 429 else None)


async def test_adding_is_not_done_again_when_it_may_have_been_done() -> None:
    """The tracks would be there twice; what was refused for its number is sent again."""
    stage = Stage()
    throttled, lost = answer({}, 429, retry_after="3"), answer({}, 502)
    answers = iter([throttled, lost, answer({"snapshot_id": "s"})])
    stage.vendor.answers = lambda request: next(answers)
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    with pytest.raises(VendorDownError):
        await spotify.add_items(playlist_id="p", uris=["spotify:track:1"])

    assert len(stage.vendor.asked) == 2
    assert stage.pauses == [3.0]


async def test_reading_is_tried_again_after_a_timeout() -> None:
    """Twice is as once there."""
    stage = Stage()

    def lose(request: Request) -> Response:
        if len(stage.vendor.asked) == 1:
            raise VendorTimeoutError("cannot reach api.spotify.com: no answer within 30 s")
        return answer({"id": "1", "name": "a"})

    stage.vendor.answers = lose

    track = await stage.made(SpotifyIntegration, config=CONFIG).track(id="1")

    assert track.name == "a"


async def test_no_secret_is_shown() -> None:
    """Neither by the connection, its settings, its requests, nor by an error."""
    stage = Stage()
    told = {"error": {"message": f"bad client {SECRET}, bad token token-1"}}
    stage.vendor.answers = lambda request: answer(told, 403)
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    with pytest.raises(ScopeMissingError) as caught:
        await spotify.track(id="1")

    shown = [spotify, spotify.settings, spotify.config, stage.vendor.asked[0], caught.value]
    text = "".join(f"{each!r}{each!s}" for each in shown)
    assert SECRET not in text
    assert "Bearer" not in text
