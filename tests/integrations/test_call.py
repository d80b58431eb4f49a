"""One call, and what all calls share."""

from intertie.integrations.call import Call, Tools
from intertie.integrations.external_apis.spotify import Id, SpotifyIntegration
from tests.integrations.stage import Played, Stage


def test_what_is_on_its_way_shows_no_secret() -> None:
    """Tokens and addresses are on it."""
    spotify = Stage().made(
        SpotifyIntegration, config={"client_id": "c", "client_secret": "hunter2"}
    )
    call = Call(spotify, spotify.operations["track"], Id(id="x"), token="hunter2")
    call.url = "https://api.spotify.com/?x=hunter2"

    assert "hunter2" not in repr(call)


def test_two_registries_share_nothing() -> None:
    """Each has its own pipelines, evidence and pauses."""
    one, two = Tools(Played()), Tools(Played())

    one.holds["a"] = 1.0
    one.sharers["a"] = {"acme"}

    assert (two.holds, two.sharers) == ({}, {})
