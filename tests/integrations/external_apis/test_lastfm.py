"""Last.fm: no description exists, so a small server keeps to what its documentation says."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig, RetryPolicy
from intertie.integrations.data import Encoding
from intertie.integrations.encode import request_of
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    IntegrationError,
    InvalidError,
    LoopError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.external_apis.lastfm import LastFmIntegration, Scrobble
from intertie.integrations.message import Request, Response
from intertie.integrations.operation import Arguments, Empty, Operation
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.transport import AiohttpTransport
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
KEY, SECRET, SESSION = "k" * 32, "s" * 32, "u" * 32
READER = {"api_key": KEY}
WRITER = {"api_key": KEY, "shared_secret": SECRET, "session_key": SESSION}
TRACKS = [f"Believe {number}" for number in range(25)]


def signature(told: Mapping[str, str], secret: str) -> str:
    """After last.fm/api/authspec, section 8: by name, as ASCII; without `format` and itself."""
    signed = hashlib.md5(usedforsecurity=False)
    for name in sorted(told, key=lambda each: each.encode("ascii")):
        if name not in {"format", "callback", "api_sig"}:
            signed.update(name.encode())
            signed.update(told[name].encode())
    signed.update(secret.encode())
    return signed.hexdigest()


@dataclass
class LastFm:
    """Answers as the documentation says; what was written is kept."""

    loved: list[tuple[str, str]] = field(default_factory=list)
    heard: list[dict[str, str]] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """The root address takes all methods."""
        self.agents.add(request.headers.get("user-agent", ""))
        posted = {name: str(value) for name, value in (await request.post()).items()}
        told = posted if request.method == "POST" else dict(request.query)
        if request.path != "/2.0/" or told.get("format") != "json":
            return web.Response(text='<lfm status="failed"/>', content_type="text/xml")
        if told.get("api_key") != KEY:
            return refused(10, "Invalid API key", 403)
        method = {
            ("GET", "track.search"): self.search,
            ("GET", "user.getRecentTracks"): self.recent,
            ("GET", "artist.getInfo"): self.artist,
            ("POST", "track.love"): self.love,
            ("POST", "track.scrobble"): self.scrobble,
        }.get((request.method, told.get("method", "")))
        if method is None:
            return refused(3, "Invalid Method", 400)
        if request.method == "POST" and told.get("api_sig") != signature(told, SECRET):
            return refused(13, "Invalid method signature supplied", 403)
        if request.method == "POST" and told.get("sk") != SESSION:
            return refused(9, "Invalid session key - Please re-authenticate", 403)
        return method(told)

    def search(self, told: Mapping[str, str]) -> web.Response:
        """Numbers are texts there."""
        limit, page = int(told.get("limit", 30)), int(told.get("page", 1))
        some = TRACKS[(page - 1) * limit : page * limit]
        found = [{"name": each, "artist": "Cher", "listeners": "7", "mbid": ""} for each in some]
        return web.json_response({"results": {"trackmatches": {"track": found}}})

    def recent(self, told: Mapping[str, str]) -> web.Response:
        """Two a page; the last has one, which is not in a list."""
        page = int(told.get("page", 1))
        things = [
            {
                "name": TRACKS[each],
                "artist": {"mbid": "", "#text": "Cher"},
                "album": {"mbid": "", "#text": ""},
                "date": {"uts": str(1_700_000_000 - each), "#text": "then"},
            }
            for each in range(5)
        ][(page - 1) * 2 : page * 2]
        paging = {"user": told["user"], "page": str(page), "perPage": "2", "totalPages": "3"}
        track = things if len(things) > 1 else things[0]
        return web.json_response({"recenttracks": {"track": track, "@attr": paging}})

    def artist(self, told: Mapping[str, str]) -> web.Response:
        """One is known."""
        if told["artist"] != "AC/DC & Ünï+":
            return refused(6, "The artist you supplied could not be found", 200)
        stats = {"listeners": "4242", "playcount": "9000000"}
        return web.json_response({"artist": {"name": told["artist"], "stats": stats}})

    def love(self, told: Mapping[str, str]) -> web.Response:
        """Nothing comes back."""
        self.loved.append((told["artist"], told["track"]))
        return web.json_response({})

    def scrobble(self, told: Mapping[str, str]) -> web.Response:
        """Those of the future are ignored."""
        count = sum(name.startswith("timestamp[") for name in told)
        parts = ("artist", "track", "timestamp", "album")
        for i in range(count):
            self.heard.append({p: told[f"{p}[{i}]"] for p in parts if f"{p}[{i}]" in told})
        ignored = sum(int(each["timestamp"]) > 1_800_000_000 for each in self.heard)
        counts = {"accepted": count - ignored, "ignored": ignored}
        return web.json_response({"scrobbles": {"@attr": counts, "scrobble": []}})


def refused(code: int, why: str, status: int) -> web.Response:
    """As Last.fm says it, sometimes with a status of 200."""
    return web.json_response({"error": code, "message": why}, status=status)


@asynccontextmanager
async def served(
    config: Mapping[str, Any] = WRITER,
) -> AsyncIterator[tuple[LastFmIntegration, LastFm]]:
    """A connection to a server on a free port."""
    vendor = LastFm()
    runner = web.ServerRunner(web.Server(vendor))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    registry = IntegrationRegistry(Tools(AiohttpTransport()))
    told = {**config, "base_url": f"http://127.0.0.1:{runner.addresses[0][1]}/2.0"}
    made = registry.register(LastFmIntegration, IntegrationConfig(name="main", config=told))
    assert isinstance(made, LastFmIntegration)
    try:
        yield made, vendor
    finally:
        await registry.aclose()
        await runner.cleanup()


def played(told: Any, status: int = 200, **headers: str) -> Stage:
    """A vendor that always answers this."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(told, status, **headers)
    return stage


def made(stage: Stage, **told: Any) -> LastFmIntegration:
    """A connection that may write."""
    return stage.made(LastFmIntegration, config=WRITER, **told)


def test_the_judge_signs_as_others_do() -> None:
    """A signature that lastfm-docs.github.io/api-docs/auth/signature shows."""
    told = {
        "method": "auth.getSession",
        "api_key": "YOUR_API_KEY",
        "token": "YOUR_REQUESTED_TOKEN",
        "format": "json",
    }

    assert signature(told, "YOUR_SECRET") == "94539006de89b3c6b3c030bb1e52b9c4"


async def test_a_key_is_enough_for_reading() -> None:
    """No signature is sent; names with odd characters arrive as they are."""
    async with served(READER) as (lastfm, vendor):
        found = await lastfm.artist(artist="AC/DC & Ünï+")

    assert (found.artist.name, found.artist.stats.listeners) == ("AC/DC & Ünï+", 4242)
    assert vendor.agents == {"Intertie"}


async def test_the_probe_is_answered() -> None:
    """A connection with a good key is healthy, one with another key is not."""
    async with served(READER) as (lastfm, _):
        good = await lastfm.initialize()
    async with served({"api_key": "x" * 32}) as (lastfm, _):
        bad = await lastfm.health_check()

    assert good
    assert (bad["healthy"], bad["cause"]) == (False, "auth")


async def test_a_write_is_signed() -> None:
    """So that the server, which counts for itself, takes it."""
    async with served() as (lastfm, vendor):
        await lastfm.love(artist="Sigur Rós", track="Svefn-g-englar & co")

    assert vendor.loved == [("Sigur Rós", "Svefn-g-englar & co")]


async def test_a_wrong_secret_is_noticed() -> None:
    """The server does compare: a signature with another secret is refused."""
    async with served({**WRITER, "shared_secret": "t" * 32}) as (lastfm, vendor):
        with pytest.raises(AuthExpiredError, match="Invalid method signature supplied"):
            await lastfm.love(artist="a", track="b")

    assert vendor.loved == []


async def test_eleven_plays_are_signed_in_the_order_of_ascii() -> None:
    """`artist[10]` comes before `artist[1]` (last.fm/api/show/track.scrobble)."""
    heard = [Scrobble(artist="Cher", track=f"T{i}", timestamp=1_700_000_000 + i) for i in range(10)]
    heard.append(Scrobble(artist="Cher", track="T10", timestamp=1_900_000_000, album="Believe"))

    async with served() as (lastfm, vendor):
        counts = await lastfm.scrobble(heard)

    assert (counts.accepted, counts.ignored) == (10, 1)
    assert [each["track"] for each in vendor.heard] == [f"T{i}" for i in range(11)]
    assert [each.get("album") for each in vendor.heard] == [None] * 10 + ["Believe"]


async def test_more_plays_than_last_fm_takes_are_refused_here() -> None:
    """50 at once."""
    stage = Stage()
    heard = [Scrobble(artist="a", track="b", timestamp=1)] * 51

    with pytest.raises(InvalidError, match="at most 50 items"):
        await made(stage).scrobble(heard)

    assert stage.vendor.asked == []


async def test_writing_needs_a_session() -> None:
    """Which is said before anything is sent."""
    stage = Stage()
    reader = stage.made(LastFmIntegration, config=READER)

    with pytest.raises(InvalidError, match="its config lacks `session_key`"):
        await reader.love(artist="a", track="b")

    assert stage.vendor.asked == []


async def test_a_search_ends_with_an_empty_page() -> None:
    """25 in pages of 10."""
    async with served(READER) as (lastfm, _):
        found = [each.name async for each in lastfm.search_tracks.every(track="b", limit=10)]

    assert found == TRACKS


async def test_recent_tracks_end_with_the_last_page() -> None:
    """Of which Last.fm writes the only track without a list."""
    async with served(READER) as (lastfm, _):
        found = [each async for each in lastfm.recent_tracks.every(user="rj", limit=2)]

    assert [each.name for each in found] == TRACKS[:5]
    assert found[4].date is not None
    assert found[4].date.uts == 1_699_999_996


async def test_pages_that_never_end_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that always finds something stops at a bound."""
    monkeypatch.setattr("intertie.integrations.pages.MAX_PAGES", 5)
    track = {"name": "a", "artist": "b"}
    stage = played({"results": {"trackmatches": {"track": [track]}}})

    with pytest.raises(LoopError, match="more than 5"):
        [each async for each in made(stage).search_tracks.every(track="a")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (4, AuthExpiredError),
        (6, InvalidError),
        (8, VendorDownError),
        (9, AuthExpiredError),
        (10, AuthExpiredError),
        (11, VendorDownError),
        (13, AuthExpiredError),
        (14, AuthExpiredError),
        (16, VendorDownError),
        (17, ScopeMissingError),
        (26, AuthExpiredError),
        (29, ThrottledError),
        (77, InvalidError),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
async def test_the_number_says_more_than_the_status(
    code: int, expected: type[IntegrationError], status: int
) -> None:
    """Last.fm answers errors with 200 or with 4xx, as it happens; 77 is no number of its own."""
    stage = played({"error": code, "message": "why it is so"}, status)

    with pytest.raises(IntegrationError, match="why it is so") as caught:
        await made(stage, retry_policy={"max_attempts": 1}).artist(artist="a")

    assert type(caught.value) is expected


async def test_an_artist_whom_nobody_knows_is_absent_where_the_status_says_so() -> None:
    """Number 6 stands for that and for a missing parameter."""
    stage = played({"error": 6, "message": "The artist you supplied could not be found"}, 404)

    with pytest.raises(AbsentError, match="could not be found"):
        await made(stage).artist(artist="a")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, AuthExpiredError),
        (403, ScopeMissingError),
        (404, AbsentError),
        (429, ThrottledError),
        (500, VendorDownError),
        (502, VendorDownError),
    ],
)
async def test_a_status_without_a_number_is_understood(
    status: int, expected: type[IntegrationError]
) -> None:
    """What stands in front of Last.fm says no number."""
    stage = played(None, status, retry_after="9")

    with pytest.raises(IntegrationError) as caught:
        await made(stage, retry_policy={"max_attempts": 1}).artist(artist="a")

    assert type(caught.value) is expected
    assert caught.value.retry_after_s == (9.0 if status >= 429 else None)


@pytest.mark.parametrize(
    ("method", "encoding", "sent"),
    [
        ("GET", "json", "https://v.example/?method=m&a=1"),
        ("POST", "none", "https://v.example/?method=m&a=1"),
        ("POST", "form", b"method=m&a=1"),
        ("POST", "nested form", b"method=m&a=1"),
        ("POST", "json", b'{"method": "m", "a": 1}'),
    ],
)
def test_what_is_fixed_goes_where_the_arguments_go(
    method: str, encoding: Encoding, sent: str | bytes
) -> None:
    """As if the caller had said it."""

    class Told(Arguments):
        a: int = 1

    operation = Operation(method, "/", Told, Empty, encoding=encoding, fixed=(("method", "m"),))

    request = request_of(operation, Told(), base="https://v.example", timeout_s=1)

    assert sent == (request.body or request.url)


async def test_a_write_that_may_have_been_done_is_not_done_again() -> None:
    """A play counted twice would stay; reading is tried again."""
    stage = Stage()

    def lose(request: Request) -> Response:
        raise VendorTimeoutError("cannot reach ws.audioscrobbler.com: no answer within 30 s")

    stage.vendor.answers = lose
    lastfm = made(stage, retry_policy=RetryPolicy(max_attempts=3))

    with pytest.raises(VendorTimeoutError):
        await lastfm.scrobble([Scrobble(artist="a", track="b", timestamp=1)])
    writes = len(stage.vendor.asked)
    with pytest.raises(VendorTimeoutError):
        await lastfm.artist(artist="a")

    assert writes == 1
    assert len(stage.vendor.asked) == 1 + 3


async def test_all_connections_share_what_one_address_may_ask() -> None:
    """Last.fm counts by the address that asks, whoever's key it is."""
    stage = played({"artist": {"name": "a"}})
    one = made(stage, retry_policy={"max_attempts": 1})
    other = made(stage, name="other", retry_policy={"max_attempts": 1})
    for _ in range(5):
        await one.artist(artist="a")
        await other.artist(artist="a")

    with pytest.raises(ThrottledError, match=r"used up \(vendor\)"):
        await other.artist(artist="a")

    assert len(stage.vendor.asked) == 10


async def test_no_secret_is_shown() -> None:
    """Neither by the connection, its settings, its requests, nor by an error."""
    stage = played({"error": 9, "message": f"Invalid session key {SESSION}"}, 403)
    lastfm = made(stage)

    with pytest.raises(AuthExpiredError) as caught:
        await lastfm.love(artist="a", track="b")

    shown = [lastfm, lastfm.settings, lastfm.config, stage.vendor.asked[0], caught.value]
    text = "".join(f"{each!r}{each!s}" for each in shown)
    assert not [each for each in (KEY, SECRET, SESSION) if each in text]
