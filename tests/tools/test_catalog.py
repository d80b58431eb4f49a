"""The catalogue is made from the connectors."""

import json

from intertie.integrations.catalog import FILE
from tools.catalog import render


def test_every_connector_is_in_it_once() -> None:
    """With what it asks for, where it lives, and what it can do."""
    rows = json.loads(render())
    kinds = [row["kind"] for row in rows]
    [spotify] = [row for row in rows if row["kind"] == "spotify"]

    assert len(set(kinds)) == len(kinds) == len(json.loads(FILE.read_text()))
    assert spotify["module"] == "intertie.integrations.external_apis.spotify"
    assert spotify["settings"]["required"] == ["client_id", "client_secret"]
    assert "search" in spotify["operations"]
