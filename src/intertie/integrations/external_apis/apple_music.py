"""Apple Music: the catalogue of each country, and people's libraries."""

from typing import Generic, TypeVar

from pydantic import Field, SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import DeveloperToken
from intertie.integrations.data import Errors, Limits, NextUrl, Probe
from intertie.integrations.operation import Answer, Arguments, get

T = TypeVar("T")
_PAGES = NextUrl("data", "next")


class Settings(rest.Settings):
    """A key of https://developer.apple.com/account with MusicKit."""

    team_id: str
    """Of the account, 10 characters."""
    key_id: str
    """Of the key, 10 characters."""
    private_key: SecretStr
    """The text of its `.p8` file."""
    music_user_token: SecretStr | None = None
    """Of a person; only their library needs it. It ends after some months."""


class About(Answer):
    """What is known of a recording or an album."""

    name: str
    artist: str = Field(default="", alias="artistName")
    album: str = Field(default="", alias="albumName")
    duration_ms: int = Field(default=0, alias="durationInMillis")
    isrc: str = ""
    upc: str = ""
    release_date: str = Field(default="", alias="releaseDate")
    tracks: int = Field(default=0, alias="trackCount")
    url: str = ""


class Resource(Answer):
    """A song or an album, in a catalogue or a library."""

    id: str
    type: str
    attributes: About | None = None


class Named(Answer):
    """What is known of a list or a country."""

    name: str


class Simple(Answer):
    """A playlist or a storefront."""

    id: str
    type: str
    attributes: Named | None = None


class Page(Answer, Generic[T]):
    """Some of them."""

    data: list[T] = []
    next: str = ""
    """Path of the next page."""


class Results(Answer):
    """What a search finds, by kind."""

    songs: Page[Resource] = Page[Resource]()
    albums: Page[Resource] = Page[Resource]()


class Found(Answer):
    """One page of it."""

    results: Results


class Search(Arguments):
    """What is looked for, and in which country."""

    storefront: str = Field(min_length=2)
    """ISO 3166, in small letters."""
    term: str = Field(min_length=1)
    types: list[str] = ["songs"]
    limit: int = Field(default=25, ge=1, le=25)
    offset: int | None = Field(default=None, ge=0)


class InCatalog(Arguments):
    """Which one, in which country."""

    storefront: str
    id: str


class Id(Arguments):
    """Which one."""

    id: str


class Some(Arguments):
    """How many a page has at first; later ones are as long as Apple likes."""

    limit: int | None = Field(default=None, ge=1, le=25)
    offset: int | None = Field(default=None, ge=0)


class AppleMusicIntegration(rest.RestIntegration):
    """Songs and albums of each country, and people's libraries."""

    kind = "apple_music"
    docs = "https://developer.apple.com/documentation/applemusicapi"
    stability = "beta"
    owner = "music"
    settings_type = Settings
    base = "https://api.music.apple.com"
    ways = (DeveloperToken(user_token="music_user_token"),)  # noqa: S106 - the name of a setting
    # No number is published, only that 429 comes when there are too many: our caution.
    limits = Limits(requests_per_minute=600, burst_limit=20)
    errors = Errors(message=("errors.0.detail", "errors.0.title"))
    probe = Probe("storefront", arguments={"id": "us"})

    # Pages go on with the songs: each kind of thing in an answer has pages of its own.
    search = get(
        "/v1/catalog/{storefront}/search",
        Search,
        Found,
        pages=NextUrl("results.songs.data", "results.songs.next"),
    )
    song = get("/v1/catalog/{storefront}/songs/{id}", InCatalog, Page[Resource])
    album = get("/v1/catalog/{storefront}/albums/{id}", InCatalog, Page[Resource])
    storefront = get("/v1/storefronts/{id}", Id, Page[Simple])
    library_songs = get("/v1/me/library/songs", Some, Page[Resource], pages=_PAGES)
    library_albums = get("/v1/me/library/albums", Some, Page[Resource], pages=_PAGES)
    library_playlists = get("/v1/me/library/playlists", Some, Page[Simple], pages=_PAGES)

    async def search_songs(self, storefront: str, term: str, limit: int = 25) -> list[Resource]:
        """At most `limit` songs; several pages where one holds fewer. Raises IntegrationError."""
        told = {"storefront": storefront, "term": term, "limit": min(limit, 25)}
        return [each async for each in self.search.every(**told, at_most=limit)]
