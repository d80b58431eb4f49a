"""One id from a request, or a task, through log, record, span and notice of a running suite."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.app.monitored import TOLD_S, Site, monitored
from tests.e2e.shop import until
from tests.w3c import PARENT, SPAN, TRACE

pytestmark = pytest.mark.slow
SUITE = """
suite: watched
api: {port: auto}
bus: {}
services:
  web: {command: "sh -c 'echo told $TRACEPARENT; exec python3 web.py'", port: auto}
monitoring:
  metrics_collection: {interval: 1}
  tracing: {sampling: {rate: 0}}
  metrics: {active_users: {kind: gauge}}
  alerts: {rules: {Crowd: {expr: "active_users > 100"}}}
  channels: {hook: {kind: webhook, url: "HOOK", secret: "${secret:hook}"}}
  alert_integration: {channels: hook}
automation:
  tasks:
    broken:
      command: "sh -c 'echo in $TRACEPARENT; exit 3'"
      schedule: "0 0 1 1 *"
      notifications: {failure: [hook]}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Traced, where a caller asks for that."""
    with monitored(tmp_path_factory.mktemp("suite"), SUITE) as made:
        until(lambda: made.bench("traces", "status").code == 0)
        yield made


def lines(site: Site, trace: str) -> list[dict[str, Any]]:
    """Those of the daemon, as `intertie logs --trace` finds them."""
    found = site.bench.ok("logs", "--trace", trace, "--json").out.splitlines()
    read = [json.loads(each) for each in found]
    return [json.loads(each["text"]) for each in read if each["service"] == "intertie"]


def spans_of(site: Site, trace: str) -> list[dict[str, Any]]:
    """Its parts, as far as they are kept: none before the first is."""
    shown = site.bench("traces", "show", trace, "--json")
    found: list[dict[str, Any]] = shown.json()["spans"] if shown.code == 0 else []
    return found


def test_a_request_is_followed_to_the_last_line(site: Site) -> None:
    """A restart by a request with a traceparent: answer, change, log, events, spans, process."""
    bench = site.bench
    with bench.api() as client:
        body = {"services": ["web"]}
        answer = client.post("/api/services/restart", json=body, headers={"traceparent": PARENT})
    until(lambda: bench.ok("changes", answer.json()["id"], "--json").json()["status"] == "done")
    parts = {"POST /api/services/restart", "change: restart", "step: restart"}
    until(lambda: parts <= {each["name"] for each in spans_of(site, TRACE)})
    until(lambda: "change ended" in {each["message"] for each in lines(site, TRACE)})
    until(lambda: f"told 00-{TRACE}" in bench.ok("logs", "--trace", PARENT).out)

    change = bench.ok("changes", answer.json()["id"], "--json").json()
    spans = spans_of(site, TRACE)
    told = lines(site, TRACE)
    events = [json.loads(each) for each in bench.ok("events", "--json").out.splitlines()]
    assert answer.headers["traceparent"][3:35] == change["trace_id"] == TRACE
    assert {each["message"] for each in told} >= {"change began", "change ended"}
    assert {each["service.name"] for each in told} == {"intertie"}
    assert [(each["depth"], each["name"]) for each in spans[:3]] == [
        (0, "POST /api/services/restart"),
        (1, "change: restart"),
        (2, "step: restart"),
    ]
    assert spans[0]["parent_id"] == SPAN
    assert spans[0]["fields"]["http.method"] == "POST"
    assert spans[0]["fields"]["http.url"].endswith("/api/services/restart")
    assert spans[0]["fields"]["service.name"] == "intertie"
    of_trace = [e["type"] for e in events if (e.get("traceparent") or "")[3:35] == TRACE]
    assert {"suite.change", "suite.service_stopped", "suite.service_started"} <= set(of_trace)
    assert TRACE in bench.ok("changes", change["id"]).out


def test_a_task_that_fails_is_told_under_its_trace(site: Site) -> None:
    """The same id in the run's row, its process, the daemon's log and the notice."""
    bench = site.bench
    ended = bench("schedule", "run", "broken", "--json").json()
    while True:
        _, told = site.hook.told.get(timeout=TOLD_S)
        if told["title"].startswith("task broken"):
            break
    until(lambda: len(lines(site, ended["trace_id"])) == 3)

    found = lines(site, ended["trace_id"])
    runs = bench.ok("schedule", "runs", "broken", "--json").json()["items"]
    assert ended["output"].startswith(f"in 00-{ended['trace_id']}-")
    assert runs[0]["trace_id"] == told["traceId"] == ended["trace_id"]
    assert [each["message"] for each in found] == ["task began", "task ended", "notice sent"]
    assert found[1]["error"] == "it ended with exit code 3"


def test_an_alert_is_told_under_the_trace_of_the_look_that_found_it(site: Site) -> None:
    """The same id in the alert, the log, the ledger of notices and what was posted."""
    bench = site.bench
    with bench.api() as client:
        pushed = client.post("/api/monitoring/metrics/active_users", json={"value": 200})
    assert pushed.is_success, pushed.text
    _, told = site.hook.about("Crowd")
    until(lambda: "notice sent" in {each["message"] for each in lines(site, told["traceId"])})

    (alert,) = bench("alerts", "list", "--json").json()
    notices = bench.ok("alerts", "notices", "--json").json()
    events = [json.loads(each) for each in bench.ok("events", "--json").out.splitlines()]
    firing = [each for each in events if each["type"] == "alert.firing"]
    assert alert["trace_id"] == told["traceId"] == notices[0]["trace_id"]
    assert firing[-1]["traceparent"][3:35] == told["traceId"]
    assert lines(site, told["traceId"])[0]["message"] == "alert fires"


def test_a_command_of_the_bus_is_followed_too(site: Site) -> None:
    """From the event that asked to the change that did it."""
    bench, trace = site.bench, "a" * 32
    with bench.api() as client:
        answer = client.post(
            "/api/bus/messages",
            json={"topic": "suite.control.restart", "data": {"services": ["web"]}},
            headers={"traceparent": f"00-{trace}-{SPAN}-01"},
        )
    assert answer.is_success, answer.text
    until(lambda: "change ended" in {each["message"] for each in lines(site, trace)})

    changes = bench.ok("changes", "--json").json()["items"]
    assert [each["actor"] for each in changes if each["trace_id"] == trace] == ["bus"]
