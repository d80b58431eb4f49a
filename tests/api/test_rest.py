"""The REST routes, over a real daemon."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness import Bench

pytestmark = pytest.mark.slow


def ended(api: httpx.Client, change: str) -> dict[str, Any]:
    """The change once it has ended, read from its own event stream."""
    latest: dict[str, Any] = {}
    with api.stream("GET", f"/api/changes/{change}/events", timeout=60) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                latest = json.loads(line[5:])
    return latest


def event_ids(api: httpx.Client, *, after: str = "") -> list[str]:
    """Of all that happened, or of what came after an event."""
    headers = {"last-event-id": after} if after else {}
    answer = api.get("/api/events", params={"follow": False}, headers=headers)
    return [line[4:] for line in answer.text.splitlines() if line.startswith("id: ")]


def test_health_names_every_service(running: Bench) -> None:
    """UP in the words of the contract, with each service's dependencies."""
    with running.api(key=False) as api:
        answer = api.get("/api/health")

    document = answer.json()
    assert (answer.status_code, document["status"]) == (200, "UP")
    assert set(document["services"]) == {"echo", "web", "gateway"}
    assert document["services"]["web"]["dependencies"] == {"echo": "UP"}


def test_probes_answer_for_kubernetes(running: Bench) -> None:
    """Live and ready are 200 while everything is well."""
    with running.api(key=False) as api:
        assert api.get("/api/health/live").status_code == 200
        assert api.get("/api/health/ready").status_code == 200


def test_services_come_in_pages(running: Bench) -> None:
    """A page has at most `limit` services; the total counts all."""
    with running.api() as api:
        first = api.get("/api/services", params={"limit": 2}).json()
        second = api.get("/api/services", params={"limit": 2, "page": 2}).json()

    names = [each["name"] for each in first["items"] + second["items"]]
    assert names == ["echo", "gateway", "web"]
    assert first["total"] == 3
    assert {each["name"]: each["kind"] for each in first["items"]}["gateway"] == "engine"


def test_a_restart_is_a_change_that_can_be_followed(running: Bench) -> None:
    """202 with an id; the change ends as done, and the service has another process."""
    before = running.service("echo")["replicas"][0]["pid"]
    with running.api() as api:
        accepted = api.post("/api/services/restart", json={"services": ["echo"]})
        change = ended(api, accepted.json()["id"])
        listed = api.get("/api/changes").json()["items"]

    assert accepted.status_code == 202
    assert change["status"] == "done"
    assert [step["service"] for step in change["steps"]] == ["echo"]
    assert change["id"] in [each["id"] for each in listed]
    assert running.service("echo")["replicas"][0]["pid"] != before


def test_stop_takes_dependents_along_and_start_brings_all_back(running: Bench) -> None:
    """`web` needs `echo`: stopping echo stops web first; starting web starts echo."""
    with running.api() as api:
        ended(api, api.post("/api/services/stop", json={"services": ["echo"]}).json()["id"])
        stopped = api.get("/api/services/web").json()
        degraded = api.get("/api/health/ready").status_code
        ended(api, api.post("/api/services/start", json={"services": ["web"]}).json()["id"])
        started = api.get("/api/services/echo").json()

    assert stopped["replicas"][0]["state"] == "stopped"
    assert degraded == 503
    assert started["status"] == "UP"


@pytest.mark.parametrize(
    "path",
    [
        "/api/services/start",
        "/api/services/stop",
        "/api/services/restart",
        "/api/apply",
        "/api/shutdown",
        "/api/tokens",
        "/api/changes/x/abort",
    ],
)
@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}])
def test_a_write_without_the_key_is_refused(
    running: Bench, path: str, header: dict[str, str]
) -> None:
    """401 as a problem document that says what to send; nothing is changed."""
    before = running.service("echo")["replicas"][0]["pid"]
    body = {"services": ["echo"], "subject": "eve"}
    with running.api(key=False) as api:
        answer = api.post(path, json=body, headers=header)

    # A body that does not fit is told only to those who may write.
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert running.service("echo")["replicas"][0]["pid"] == before


def test_an_unknown_service_is_named_with_the_nearest(running: Bench) -> None:
    """404 as a problem document."""
    with running.api() as api:
        answer = api.post("/api/services/start", json={"services": ["eco"]})

    assert answer.status_code == 404
    assert "did you mean 'echo'?" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nowhere", 404),
        ("GET", "/api/changes/nope", 404),
        ("DELETE", "/api/services", 405),
        ("GET", "/api/services?limit=0", 422),
        ("POST", "/api/services/start", 422),
    ],
)
def test_every_error_is_a_problem_document(
    running: Bench, method: str, path: str, status: int
) -> None:
    """Unknown paths, wrong methods and wrong input have the same shape."""
    with running.api() as api:
        answer = api.request(method, path, json={} if method == "POST" else None)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["detail"].startswith("cannot ")


def test_another_host_name_is_refused(running: Bench) -> None:
    """A web page whose name was made to point here gets nothing (DNS rebinding)."""
    with running.api() as api:
        answer = api.get("/api/services", headers={"host": "evil.example.com"})

    assert answer.status_code == 400
    assert "echo" not in answer.text


def test_events_resume_after_the_last_one_seen(running: Bench) -> None:
    """With Last-Event-ID, only what came later is sent."""
    with running.api() as api:
        before = event_ids(api)
        rest = event_ids(api, after=before[-2])
        now = event_ids(api)

    assert rest[:1] == before[-1:]
    assert rest == now[now.index(before[-1]) :][: len(rest)]


def test_logs_come_as_events(running: Bench) -> None:
    """Standard output and error of a service, told apart."""
    with running.api() as api:
        text = api.get("/api/logs", params={"services": "echo", "tail": 1}).text
        unknown = api.get("/api/logs", params={"services": "eco"})

    found = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
    lines = {each["stream"]: each["text"] for each in found}
    assert lines == {"out": "hello from echo", "err": "a warning"}
    assert unknown.status_code == 404


def test_metrics_are_prometheus_text(running: Bench) -> None:
    """A scraper reads them, and the same numbers are there as JSON."""
    with running.api() as api:
        families = {
            each.name: each for each in text_string_to_metric_families(api.get("/metrics").text)
        }
        flat = api.get("/api/metrics").json()

    up = {s.labels["service"]: s.value for s in families["intertie_service_up"].samples}
    assert up == {"echo": 1.0, "web": 1.0, "gateway": 1.0}
    assert flat["intertie_service_up"] == up
    assert flat["intertie_replica_memory_bytes"]["gateway/0"] > 1_000_000


def test_the_description_is_the_published_one(running: Bench) -> None:
    """`/openapi.json` is `schemas/openapi.json`."""
    published = Path(__file__).resolve().parents[2] / "schemas" / "openapi.json"
    with running.api() as api:
        assert api.get("/openapi.json").json() == json.loads(published.read_text())


def test_the_reading_page_needs_no_other_server(running: Bench) -> None:
    """`/docs` and all it loads come from the daemon."""
    with running.api() as api:
        page = api.get("/docs").text
        assert "swagger-ui" in page
        assert "https://" not in page.replace("https://www.w3.org", "")
        assert api.get("/docs/static/swagger-ui-bundle.js").status_code == 200


def test_plan_says_that_nothing_differs(running: Bench) -> None:
    """Right after `up` there is nothing to do."""
    with running.api() as api:
        answer = api.get("/api/plan").json()

    assert answer["steps"] == []


def test_a_faulty_file_is_told_by_plan_and_apply(bench: Bench) -> None:
    """422 with each fault's place; the suite goes on as it was."""
    text = "suite: x\napi: {port: auto}\nservices:\n  a: {command: sleep 1000}\n"
    bench.write(text)
    bench.ok("up", "--detach")
    bench.write(text.replace("command", "comand"))  # codespell:ignore

    with bench.api() as api:
        answer = api.post("/api/apply")

    assert answer.status_code == 422
    places = [fault["place"] for fault in answer.json()["faults"]]
    assert any(place.endswith("suite.yaml:4:7") for place in places)
    assert bench.service("a")["status"] == "UP"


def test_insecure_local_lets_anyone_on_this_machine_write(bench: Bench) -> None:
    """Only when the user says so; reads from another host name stay refused."""
    bench.write("suite: x\napi: {port: auto}\nservices:\n  a: {command: sleep 1000}\n")
    bench.ok("up", "--detach", "--insecure-local")

    with bench.api(key=False) as api:
        answer = api.post("/api/services/restart", json={"services": ["a"]})
        assert ended(api, answer.json()["id"])["status"] == "done"
        foreign = api.post(
            "/api/services/restart",
            json={"services": ["a"]},
            headers={"host": "evil.example.com"},
        )

    assert answer.status_code == 202
    assert foreign.status_code == 400
