"""Last.fm: music by its listeners, and what they listen to."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BeforeValidator, Field, SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import SignedQuery
from intertie.integrations.data import Errors, Limits, Numbered, Probe
from intertie.integrations.operation import Answer, Arguments, get, post

T = TypeVar("T")
_MOST_SCROBBLES = 50
_MEANINGS = {
    "auth": (4, 9, 10, 13, 14, 15, 26),
    "forbidden": (17,),
    "throttled": (29,),
    "vendor_down": (8, 11, 16),
}


def _as_list(told: Any) -> Any:  # Any: JSON
    return told if isinstance(told, list) else [told]


Some = Annotated[list[T], BeforeValidator(_as_list)]
"""Last.fm writes a list of one without the list."""


def _method(name: str) -> tuple[tuple[str, str], ...]:
    return (("method", name), ("format", "json"))


class Settings(rest.Settings):
    """An API account of https://www.last.fm/api/accounts."""

    api_key: SecretStr
    """Of the account."""
    shared_secret: SecretStr | None = None
    """Of the account; only writing needs it."""
    session_key: SecretStr | None = None
    """Of the listener for whom is written; it does not end until they take it back."""


class Track(Answer):
    """A recording that was found."""

    name: str
    artist: str
    url: str = ""
    listeners: int = 0
    mbid: str = ""


class Matches(Answer):
    """The recordings of one page."""

    track: Some[Track] = []


class Results(Answer):
    """What a search finds."""

    trackmatches: Matches


class Found(Answer):
    """One page of it."""

    results: Results


class Search(Arguments):
    """Which recording."""

    track: str = Field(min_length=1)
    artist: str | None = None
    limit: int = Field(default=30, ge=1, le=1000)
    page: int = Field(default=1, ge=1)


class ArtistName(Arguments):
    """Who, by name."""

    artist: str = Field(min_length=1)
    autocorrect: int = Field(default=1, ge=0, le=1)
    lang: str | None = None
    """ISO 639-1."""


class Stats(Answer):
    """How much somebody is heard."""

    listeners: int = 0
    playcount: int = 0


class Artist(Answer):
    """Who made it."""

    name: str
    mbid: str = ""
    url: str = ""
    stats: Stats = Stats()


class ArtistFound(Answer):
    """One of them."""

    artist: Artist


class Named(Answer):
    """A name beside its MusicBrainz id."""

    text: str = Field(alias="#text")
    mbid: str = ""


class Moment(Answer):
    """When something was heard."""

    uts: int
    """Seconds since 1970."""


class Heard(Answer):
    """Something that a listener heard; without a date they are hearing it now."""

    name: str
    artist: Named
    album: Named | None = None
    url: str = ""
    date: Moment | None = None


class Paging(Answer):
    """Where a page stands."""

    page: int
    total_pages: int = Field(alias="totalPages")
    total: int = 0


class RecentPage(Answer):
    """Some of what was heard, the newest first."""

    track: Some[Heard] = []
    paging: Paging = Field(alias="@attr")


class Recent(Answer):
    """One page of it."""

    recenttracks: RecentPage


class RecentOf(Arguments):
    """Whose, and from when to when in seconds since 1970."""

    user: str = Field(min_length=1)
    limit: int = Field(default=50, ge=1, le=200)
    page: int = Field(default=1, ge=1)
    since: int | None = Field(default=None, alias="from")
    to: int | None = None


class Love(Arguments):
    """What is liked."""

    artist: str = Field(min_length=1)
    track: str = Field(min_length=1)


class Played(Arguments):
    """What was heard, side by side; albums by place in the list."""

    artist: list[str] = Field(min_length=1, max_length=_MOST_SCROBBLES)
    track: list[str] = Field(min_length=1, max_length=_MOST_SCROBBLES)
    timestamp: list[int] = Field(min_length=1, max_length=_MOST_SCROBBLES)
    """When each began, in seconds since 1970."""
    album: dict[int, str] = {}


class Counts(Answer):
    """How many were taken."""

    accepted: int
    ignored: int = 0


class Scrobbles(Answer):
    """What became of them."""

    counts: Counts = Field(alias="@attr")


class Scrobbled(Answer):
    """The answer."""

    scrobbles: Scrobbles


class Scrobble(Arguments):
    """One recording that was heard."""

    artist: str = Field(min_length=1)
    track: str = Field(min_length=1)
    timestamp: int
    album: str = ""


class Done(Answer):
    """Nothing."""


class LastFmIntegration(rest.RestIntegration):
    """Recordings, artists, and what people listen to."""

    kind = "lastfm"
    docs = "https://www.last.fm/api"
    stability = "alpha"
    owner = "music"
    settings_type = Settings
    base = "https://ws.audioscrobbler.com/2.0"
    ways = (SignedQuery(),)
    # "Please use an identifiable User-Agent header on all requests" (last.fm/api/intro).
    headers: ClassVar = {"user-agent": "Intertie"}
    # "5 requests per originating IP address per second, averaged over a 5 minute period"
    # (last.fm/api/tos, 4.4): all connections share it.
    limits = Limits(requests_per_minute=300, burst_limit=10, per="app")
    errors = Errors(
        message=("message",),
        code="error",
        codes={str(code): what for what, codes in _MEANINGS.items() for code in codes},
    )
    probe = Probe("search_tracks", arguments={"track": "a", "limit": 1})

    # The number of results is an estimate there: the end is a page without any.
    search_tracks = get(
        "/",
        Search,
        Found,
        pages=Numbered("results.trackmatches.track"),
        fixed=_method("track.search"),
    )
    artist = get("/", ArtistName, ArtistFound, fixed=_method("artist.getInfo"))
    recent_tracks = get(
        "/",
        RecentOf,
        Recent,
        pages=Numbered("recenttracks.track", total_pages="recenttracks.paging.total_pages"),
        fixed=_method("user.getRecentTracks"),
    )
    love = post("/", Love, Done, encoding="form", fixed=_method("track.love"))
    scrobble_all = post(
        "/", Played, Scrobbled, encoding="nested form", fixed=_method("track.scrobble")
    )

    async def scrobble(self, heard: Sequence[Scrobble]) -> Counts:
        """Up to 50 at once. Raises IntegrationError."""
        done = await self.scrobble_all(
            artist=[each.artist for each in heard],
            track=[each.track for each in heard],
            timestamp=[each.timestamp for each in heard],
            album={i: each.album for i, each in enumerate(heard) if each.album},
        )
        return done.scrobbles.counts
