"""Spotify: the music catalogue, and playlists of people."""

from pydantic import AliasChoices, Field, SecretStr

from intertie.integrations import rest
from intertie.integrations.credentials import OAuth2
from intertie.integrations.data import Errors, Limits, Offset, Probe
from intertie.integrations.operation import Answer, Arguments, Nothing, get, post

_ACCOUNTS = "https://accounts.spotify.com"
_MOST_PER_PAGE = 50
_MOST_PER_SEARCH_PAGE = 10
_MOST_FOUND = 1000
_EDIT = ("playlist-modify-public",)


class Settings(rest.Settings):
    """An app of https://developer.spotify.com/dashboard."""

    client_id: str
    """Of the app."""
    client_secret: SecretStr
    """Of the app."""
    scope: str = ""
    """What people are asked for, with spaces between; empty acts for the app alone."""


class Artist(Answer):
    """Who made it."""

    id: str
    name: str


class Track(Answer):
    """One recording."""

    id: str
    name: str
    uri: str = ""
    duration_ms: int = 0
    artists: list[Artist] = []


class TrackPage(Answer):
    """Some of the tracks found."""

    items: list[Track] = []
    total: int = 0


class Found(Answer):
    """What a search finds."""

    tracks: TrackPage = TrackPage()


class Search(Arguments):
    """What is looked for."""

    q: str = Field(min_length=1)
    type: str = "track"
    limit: int = Field(default=_MOST_PER_SEARCH_PAGE, ge=1, le=_MOST_PER_SEARCH_PAGE)
    offset: int = Field(default=0, ge=0, le=_MOST_FOUND)
    market: str | None = None
    """ISO 3166-1 alpha-2."""


class Id(Arguments):
    """Which one."""

    id: str


class PlaylistId(Arguments):
    """Which playlist."""

    playlist_id: str


class Owner(Answer):
    """Whose it is."""

    id: str
    display_name: str | None = None


class Playlist(Answer):
    """A list of tracks."""

    id: str
    name: str
    owner: Owner | None = None
    public: bool | None = None
    snapshot_id: str = ""


class PlaylistPage(Answer):
    """Some of somebody's playlists."""

    items: list[Playlist] = []
    total: int = 0


class PlaylistsOf(Arguments):
    """Whose playlists."""

    user_id: str
    limit: int = Field(default=20, ge=1, le=_MOST_PER_PAGE)
    offset: int = Field(default=0, ge=0)


class NewPlaylist(Arguments):
    """A playlist of the person who granted access."""

    name: str = Field(min_length=1)
    description: str | None = None
    public: bool = True


class Item(Answer):
    """A track or an episode; a file of somebody's own has no id."""

    id: str | None = None
    name: str = ""
    type: str = ""
    uri: str = ""


class Entry(Answer):
    """A place in a playlist; empty once its track is gone."""

    added_at: str | None = None
    item: Item | None = Field(default=None, validation_alias=AliasChoices("item", "track"))


class EntryPage(Answer):
    """Some of a playlist."""

    items: list[Entry] = []
    total: int = 0


class ItemsOf(PlaylistId):
    """Which part of which playlist."""

    limit: int = Field(default=_MOST_PER_PAGE, ge=1, le=_MOST_PER_PAGE)
    offset: int = Field(default=0, ge=0)


class AddItems(PlaylistId):
    """Which tracks, to which playlist."""

    uris: list[str] = Field(min_length=1, max_length=100)
    position: int | None = Field(default=None, ge=0)
    """At the end unless it is said."""


class Snapshot(Answer):
    """The playlist as it is afterwards."""

    snapshot_id: str


class SpotifyIntegration(rest.RestIntegration):
    """Music catalogue and playlists."""

    kind = "spotify"
    docs = "https://developer.spotify.com/documentation/web-api"
    stability = "beta"
    owner = "music"
    settings_type = Settings
    base = "https://api.spotify.com/v1"
    ways = (
        OAuth2(
            authorize=f"{_ACCOUNTS}/authorize",
            token=f"{_ACCOUNTS}/api/token",
            scopes=("user-read-private", "playlist-read-private"),
            alone=True,
        ),
    )
    limits = Limits(requests_per_minute=180, burst_limit=30, per="app")  # our caution: none is said
    errors = Errors(message=("error.message", "error_description"))
    probe = Probe("search", arguments={"q": "a", "limit": 1})

    search = get("/search", Search, Found, pages=Offset("tracks.items", total="tracks.total"))
    track = get("/tracks/{id}", Id, Track)
    artist = get("/artists/{id}", Id, Artist)
    me = get("/me", Nothing, Owner, scopes=("user-read-private",))
    # Deprecated in 2026; nothing else shows the playlists of somebody else.
    playlists = get(
        "/users/{user_id}/playlists",
        PlaylistsOf,
        PlaylistPage,
        pages=Offset("items", total="total"),
    )
    playlist = get("/playlists/{playlist_id}", PlaylistId, Playlist)
    playlist_items = get(
        "/playlists/{playlist_id}/items",
        ItemsOf,
        EntryPage,
        pages=Offset("items", total="total"),
        scopes=("playlist-read-private",),
    )
    create_playlist = post("/me/playlists", NewPlaylist, Playlist, scopes=_EDIT)
    add_items = post("/playlists/{playlist_id}/items", AddItems, Snapshot, scopes=_EDIT)

    async def search_tracks(self, query: str, limit: int = 10) -> list[Track]:
        """At most `limit` tracks, of which Spotify shows 1,000; a page holds 10."""
        per_page, limit = min(limit, _MOST_PER_SEARCH_PAGE), min(limit, _MOST_FOUND)
        return [t async for t in self.search.every(q=query, limit=per_page, at_most=limit)]

    async def get_user_playlists(self, user_id: str) -> list[Playlist]:
        """All playlists of a user that may be seen."""
        return [each async for each in self.playlists.every(user_id=user_id)]
