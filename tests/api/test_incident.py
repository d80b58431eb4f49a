"""Incidents over REST, of a real suite whose journal holds one."""

from collections.abc import AsyncIterator

import httpx
import pytest

from intertie.api.incident import prefers_markdown
from intertie.api.rest import create_app
from intertie.control.use_cases import Control
from tests.control.incident_events import failed, firing, resolved, started

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(control: Control) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a suite that once had trouble."""
    sources = control.incidents.sources
    assert sources is not None
    for each in (failed(0, "db"), firing(1), started(4, "db"), resolved(5)):
        sources.journal.append(each)
    transport = httpx.ASGITransport(create_app(control))
    async with httpx.AsyncClient(transport=transport, base_url="http://suite") as client:
        yield client


async def test_incidents_are_listed_within_a_time(api: httpx.AsyncClient) -> None:
    """A time without a zone is taken for UTC."""
    every = (await api.get("/api/incidents")).json()
    early = (await api.get("/api/incidents", params={"until": "2026-01-05T11:59:59"})).json()
    late = (await api.get("/api/incidents", params={"since": "2026-01-05T12:01:00Z"})).json()
    wrong = [
        (await api.get("/api/incidents", params={"since": text})).status_code
        for text in ("yesterday", "0.5", "2026-01-05", "2026-13-05T12:00:00Z")
    ]

    assert [(each["services"], each["alerts"]) for each in every] == [(["db"], ["Down"])]
    assert (every[0]["begin"], every[0]["to_recover_s"]) == ("2026-01-05T12:00:00Z", 5.0)
    assert early == late == []
    assert wrong == [422] * 4


async def test_one_incident_is_json_or_markdown(api: httpx.AsyncClient) -> None:
    """As the caller accepts; `format` decides where it is given."""
    (listed,) = (await api.get("/api/incidents")).json()
    path = f"/api/incidents/{listed['id']}"
    plain = await api.get(path)
    text = await api.get(path, headers={"accept": "text/markdown"})
    asked = await api.get(path, params={"format": "markdown"})
    kept = await api.get(path, params={"format": "json"}, headers={"accept": "text/markdown"})

    assert [line["kind"] for line in plain.json()["lines"]] == [
        "failure",
        "alert",
        "recovery",
        "alert",
    ]
    assert plain.headers["content-type"] == "application/json"
    assert kept.json() == plain.json()
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"
    assert text.text == asked.text
    assert text.text.startswith(f"# Incident {listed['id']}: db: failed")


async def test_an_unknown_incident_is_not_found(api: httpx.AsyncClient) -> None:
    """As a problem document."""
    answer = await api.get("/api/incidents/none", headers={"accept": "text/markdown"})

    assert answer.status_code == 404
    assert "cannot find incident 'none'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("text/markdown", True),
        ("TEXT/Markdown; charset=utf-8", True),
        ("text/markdown, application/json", True),
        ("application/json, text/markdown;q=0.5", False),
        ("application/json;q=0.4, text/markdown;q=0.5", True),
        ("text/markdown;q=0", False),
        ("text/markdown;q=x", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_markdown_is_given_to_who_asks_for_it(accept: str, wanted: bool) -> None:
    """JSON to all others."""
    assert prefers_markdown(accept) is wanted
