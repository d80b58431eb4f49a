"""Apple Music: a third party's description judges the calls, joserfc the tokens."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    EgressError,
    IntegrationError,
    InvalidError,
    LoopError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
    VendorTimeoutError,
)
from intertie.integrations.external_apis.apple_music import AppleMusicIntegration
from intertie.integrations.message import Request, Response
from tests.integrations.judged import judged
from tests.integrations.stage import Stage, answer
from tests.integrations.vendor import Vendor, started

pytestmark = pytest.mark.anyio
KEY = ECKey.generate_key("P-256", auto_kid=False)
PEM = KEY.as_pem(private=True).decode()
USER = "a-music-user-token"
CONFIG = {"team_id": "TEAM567890", "key_id": "KEY4567890", "private_key": PEM}
PERSON = {**CONFIG, "music_user_token": USER}
CALLS: dict[str, dict[str, Any]] = {
    "search": {"storefront": "us", "term": "james brown", "types": ["albums", "songs"]},
    "song": {"storefront": "us", "id": "1560735548"},
    "album": {"storefront": "us", "id": "1577502911"},
    "library_songs": {"limit": 25},
    "library_albums": {"limit": 25, "offset": 25},
}
UNDESCRIBED = {"storefront", "library_playlists"}
"""The description lacks them; what Apple documents is played."""


@pytest.fixture(scope="module")
def judge() -> Iterator[Vendor]:
    """A third party's description, served."""
    with started("apple_music") as vendor:
        yield vendor


def made(stage: Stage, config: dict[str, str] = PERSON, **told: Any) -> AppleMusicIntegration:
    """A connection with a key of its own."""
    return stage.made(AppleMusicIntegration, config=config, **told)


def fails(status: int, **headers: str) -> Stage:
    """Apple refuses everything, as it documents errors."""
    stage = Stage()
    told = {"errors": [{"title": "Oh", "detail": "why it is so", "code": f"{status}00"}]}
    stage.vendor.answers = lambda request: answer(told, status, **headers)
    return stage


def offset_of(request: Request) -> int:
    """Where a page begins."""
    return int(parse_qs(urlsplit(request.url).query).get("offset", ["0"])[0])


def playlists(request: Request) -> Response:
    """Five, two a page, the next by its path as Apple says it."""
    here = offset_of(request)
    data = [
        {"id": f"p.{each}", "type": "library-playlists", "attributes": {"name": f"List {each}"}}
        for each in range(here, min(here + 2, 5))
    ]
    there = {"next": f"/v1/me/library/playlists?offset={here + 2}"} if here + 2 < 5 else {}
    return answer({"data": data, **there})


def songs(request: Request) -> Response:
    """Without an end; beside them are albums, with pages of their own."""
    here = offset_of(request)
    there = f"/v1/catalog/de/search?term=a&types=songs&limit=25&offset={here + 25}"
    data = [{"id": str(each), "type": "songs"} for each in range(here, here + 25)]
    albums = {"data": [{"id": "x", "type": "albums"}], "next": "/v1/catalog/de/search?albums"}
    return answer({"results": {"songs": {"data": data, "next": there}, "albums": albums}})


def claims_of(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of the token that was shown; its signature is checked."""
    public = ECKey.import_key(KEY.as_dict(private=False))
    text = request.headers["authorization"].removeprefix("Bearer ")
    token = jwt.decode(text, public, algorithms=["ES256"])
    return token.header, token.claims


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
async def test_the_description_takes_every_operation(judge: Vendor, name: str) -> None:
    """And what it answers is read as what the operation promises."""
    async with judged(AppleMusicIntegration, judge, PERSON) as (apple, watching):
        told = await getattr(apple, name)(**CALLS[name])

    assert watching.wrong == []
    assert len(watching.asked) == 1
    assert isinstance(told, AppleMusicIntegration.operations[name].answer)


@pytest.mark.slow
async def test_what_the_description_answers_is_read(judge: Vendor) -> None:
    """Its examples have names, artists and times."""
    async with judged(AppleMusicIntegration, judge, PERSON) as (apple, _):
        song = (await apple.song(storefront="us", id="1560735548")).data[0].attributes
        album = (await apple.album(storefront="us", id="1577502911")).data[0].attributes

    assert song is not None
    assert (song.name, song.artist, song.isrc) == ("deja vu", "Olivia Rodrigo", "USUG12101240")
    assert song.duration_ms == 215508
    assert album is not None
    assert album.artist == "Maisie Peters"


def test_every_operation_is_judged_or_known_not_to_be() -> None:
    """None is left out unnoticed."""
    assert set(CALLS) | UNDESCRIBED == set(AppleMusicIntegration.operations)


async def test_the_token_is_signed_as_apple_wants_it() -> None:
    """ES256, with the key's id, the team and times; its holder need not be known to Apple."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"data": [{"id": "us", "type": "storefronts"}]})

    assert await made(stage, CONFIG).initialize()

    (asked,) = stage.vendor.asked
    header, claims = claims_of(asked)
    now = int(stage.clock())
    assert {"alg": "ES256", "kid": "KEY4567890"}.items() <= header.items()
    assert claims == {"iss": "TEAM567890", "iat": now, "exp": now + 3600}
    assert asked.url == "https://api.music.apple.com/v1/storefronts/us"
    assert "music-user-token" not in asked.headers


async def test_a_token_is_used_until_shortly_before_its_end() -> None:
    """Then another one is signed."""
    stage = Stage()
    apple = made(stage)
    tokens = []
    for passed_s in (0, 3500, 100):
        stage.clock.time_s += passed_s
        await apple.library_songs()
        tokens.append(stage.vendor.asked[-1].headers["authorization"])

    assert tokens[0] == tokens[1]
    assert tokens[1] != tokens[2]


async def test_a_refused_token_is_signed_anew_once() -> None:
    """A clock may have been wrong; a key that is refused twice is no good."""
    stage = fails(401)
    apple = made(stage)

    with pytest.raises(AuthExpiredError):
        await apple.storefront(id="us")

    assert len(stage.vendor.asked) == 2


async def test_a_library_is_asked_for_as_its_owner() -> None:
    """By the token of the person, beside our own."""
    stage = Stage()
    stage.vendor.answers = playlists

    found = [each async for each in made(stage).library_playlists.every()]

    assert [each.attributes.name for each in found if each.attributes] == [
        f"List {each}" for each in range(5)
    ]
    assert [each.headers["music-user-token"] for each in stage.vendor.asked] == [USER] * 3
    assert [offset_of(each) for each in stage.vendor.asked] == [0, 2, 4]
    assert all(claims_of(each)[1]["iss"] == "TEAM567890" for each in stage.vendor.asked)


async def test_a_search_takes_as_many_pages_as_it_needs() -> None:
    """Those of the songs."""
    stage = Stage()
    stage.vendor.answers = songs

    found = await made(stage).search_songs("de", "a", limit=60)

    assert [each.id for each in found] == [str(each) for each in range(60)]
    assert len(stage.vendor.asked) == 3


async def test_a_next_page_that_comes_again_ends_the_reading() -> None:
    """Instead of going round for ever."""
    stage = Stage()
    told = {"data": [{"id": "p", "type": "library-songs"}], "next": "/v1/me/library/songs?offset=1"}
    stage.vendor.answers = lambda request: answer(told)

    with pytest.raises(LoopError, match="come again and again"):
        [each async for each in made(stage).library_songs.every()]

    assert len(stage.vendor.asked) == 2


async def test_a_next_page_elsewhere_is_not_followed() -> None:
    """The tokens would go there."""
    stage = Stage()
    told = {"data": [{"id": "p", "type": "library-songs"}], "next": "https://elsewhere.example/v1"}
    stage.vendor.answers = lambda request: answer(told)

    with pytest.raises(EgressError, match="none of this connector's addresses"):
        [each async for each in made(stage).library_songs.every()]

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
        (503, VendorDownError),
    ],
)
async def test_a_refusal_is_understood(status: int, expected: type[IntegrationError]) -> None:
    """With what Apple says of it."""
    stage = fails(status, retry_after="11")

    with pytest.raises(IntegrationError, match="why it is so") as caught:
        await made(stage, retry_policy={"max_attempts": 1}).library_songs()

    assert type(caught.value) is expected
    assert caught.value.retry_after_s == (11.0 if status >= 429 else None)


async def test_reading_is_tried_again() -> None:
    """After a timeout, and after the pause that Apple wants."""
    stage = Stage()
    times = 0

    def wake(request: Request) -> Response:
        nonlocal times
        times += 1
        if times == 1:
            raise VendorTimeoutError("cannot reach api.music.apple.com: no answer within 30 s")
        return answer({}, 429, retry_after="5") if times == 2 else answer({"data": []})

    stage.vendor.answers = wake

    page = await made(stage).library_albums()

    assert page.data == []
    assert stage.pauses[1] == 5.0


async def test_a_key_that_is_none_is_told_without_showing_it() -> None:
    """The text may be most of a key."""
    stage = Stage()
    broken = PEM.replace("PRIVATE", "PRIVAT")

    with pytest.raises(AuthExpiredError, match="`private_key` is no key in PEM") as caught:
        await made(stage, {**CONFIG, "private_key": broken}).storefront(id="us")

    assert PEM.splitlines()[1] not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert stage.vendor.asked == []


async def test_no_secret_is_shown() -> None:
    """Neither by the connection, its settings, its requests, nor by an error."""
    stage = fails(403)
    apple = made(stage)

    with pytest.raises(ScopeMissingError) as caught:
        await apple.library_songs()

    shown = [apple, apple.settings, apple.config, stage.vendor.asked[0], caught.value]
    text = "".join(f"{each!r}{each!s}" for each in shown)
    assert not [each for each in (USER, PEM.splitlines()[1], "Bearer") if each in text]
