"""Answers become what the connector says they are."""

import pytest

from intertie.integrations.errors import SchemaDriftError
from intertie.integrations.external_apis.spotify import SpotifyIntegration
from intertie.integrations.message import Response
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio
CONFIG = {"client_id": "c", "client_secret": "s"}


@pytest.mark.parametrize(
    ("response", "place"),
    [
        (answer({"id": "1"}), "name"),
        (answer([]), "the whole"),
        (Response(200, {}, b"<html>"), "the whole"),
        (Response(200, {}, b""), "id"),
        (Response(200, {}, b"\xff\xfe"), "the whole"),
    ],
)
async def test_what_does_not_fit_is_the_vendors_change(response: Response, place: str) -> None:
    """Said with the place, and asked once: the vendor did what it was asked."""
    stage = Stage()
    stage.vendor.answers = lambda request: response
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    with pytest.raises(SchemaDriftError, match=f"track of default/main answered: {place}: "):
        await spotify.track(id="1")

    assert len(stage.vendor.asked) == 1


async def test_drift_is_counted_as_such() -> None:
    """Observers hear of it: such a call is no success."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"id": 1})
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    with pytest.raises(SchemaDriftError):
        await spotify.track(id="1")

    tally = stage.metrics.of("default", "main")
    assert (tally.calls, tally.failed, tally.causes) == (1, 1, {"drift": 1})


async def test_more_than_we_know_is_no_fault() -> None:
    """Vendors add fields."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({"id": "1", "name": "x", "new": {"a": 1}})
    spotify = stage.made(SpotifyIntegration, config=CONFIG)

    assert (await spotify.track(id="1")).name == "x"
