"""What GraphQL shows, over a real daemon with a bus."""

from collections.abc import Iterator
from typing import Any

import pytest

from intertie.api.graphql import PATH
from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow
SUITE = """
suite: shown
api: {port: auto}
services:
  echo: {command: "sh -c 'echo hello; exec sleep 1000'", ready_log_line: hello}
bus: {topics: {asset.made: {description: A thing was made.}}}
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A suite that is up."""
    with open_bench(tmp_path_factory.mktemp("shown")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made


def data(bench: Bench, query: str) -> Any:
    """Of an answer without errors."""
    with bench.api() as api:
        answer = api.post(PATH, json={"query": query}, timeout=60).json()
    assert "errors" not in answer, answer
    return answer["data"]


def test_one_request_shows_everything(shown: Bench) -> None:
    """Each part as the REST API has it."""
    found = data(
        shown,
        """{
          health {
            status
            services { name status dependencies { name } error }
            addresses { name url }
          }
          services(limit: 1) {
            items { name engine status dependsOn replicas { index state pid } }
            total
          }
          service(name: "echo") { name replicas { since restarts flapping } }
          changes { items { id title actor status steps { action service status why } } total }
          plan { steps { action } lines }
          plugins { name state }
          bus { engine status reason }
          topics { name description }
          groups { group lag pending consumers dead }
          logs(services: ["echo"]) { service stream text }
          events(limit: 3) { id type subject time data }
          metrics
        }""",
    )

    assert found["health"]["status"] == "UP"
    assert [each["name"] for each in found["health"]["addresses"]] == ["api"]
    assert found["services"]["items"][0]["engine"] is True
    assert found["services"]["total"] == 2
    assert found["service"]["replicas"][0]["restarts"] == 0
    assert found["changes"]["items"][0]["title"] == "up"
    assert found["plan"]["steps"] == []
    assert found["plugins"] == []
    assert found["bus"] == {"engine": "embedded", "status": "UP", "reason": ""}
    assert {"name": "asset.made", "description": "A thing was made."} in found["topics"]
    assert found["logs"] == [{"service": "echo", "stream": "out", "text": "hello"}]
    assert len(found["events"]) == 3
    assert found["metrics"]["intertie_service_up"]["echo"] == 1.0


def test_a_change_and_the_events_after_one_are_found_by_id(shown: Bench) -> None:
    """Ids are those of every way in."""
    listed = data(shown, "{changes{items{id}} events{id}}")
    change = listed["changes"]["items"][0]["id"]
    after = listed["events"][0]["id"]
    found = data(shown, f'{{change(id: "{change}"){{id endedAt}} events(after: "{after}"){{id}}}}')

    assert found["change"]["id"] == change
    assert found["events"][0] == listed["events"][1]
