"""REST routes of connections to services outside."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench
from tests.integrations.vendor_service import DEAD, WELL, Service, vendor_service

pytestmark = pytest.mark.slow
SUITE = """
suite: connected
api: {port: auto}
services:
  web: {command: sleep 1000}
tenants:
  acme: {sla: 99.9%}
integrations:
  chat:
    kind: slack
    tenants: [default, acme]
    config: {bot_token: "${secret:slack}", base_url: "URL"}
  other: {kind: slack, enabled: false, config: {bot_token: "${secret:slack}"}}
"""


@dataclass
class Connected:
    """A running suite with integrations, and their vendor."""

    bench: Bench
    vendor: Service


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connected]:
    """Shared by the tests of a module: they leave it as they found it."""
    folder = tmp_path_factory.mktemp("connected")
    with vendor_service() as vendor, open_bench(folder) as made:
        made.write(SUITE.replace("URL", vendor.url))
        started = made("up", "--detach", env={"INTERTIE_SECRET_SLACK": "xoxb-not-a-real-one"})
        assert started.code == 0, started.err
        yield Connected(made, vendor)


def test_health_is_that_of_all_and_of_one(connected: Connected) -> None:
    """Under the addresses and names of the guide; 503 with cause and cure when it is not well."""
    with connected.bench.api() as api:
        one = api.get("/integrations/health/chat", params={"tenant": "acme"})
        connected.vendor.told = dict(DEAD)
        dead = api.get("/integrations/health/chat", params={"tenant": "acme"})
        whole = api.get("/integrations/health")
        connected.vendor.told = dict(WELL)
        again = api.get("/integrations/health/chat", params={"tenant": "acme"})

    assert (one.status_code, one.json()["healthy"], one.json()["status"]) == (200, True, "healthy")
    assert {"response_time", "timestamp"} <= one.json().keys()
    told = dead.json()
    assert (dead.status_code, told["cause"], told["status"]) == (503, "auth", "unhealthy")
    assert "token_revoked" in told["error"]
    assert told["cure"] == "log in anew: intertie integrations connect acme/chat"
    assert whole.json()["integrations"]["acme/chat"]["status"] == "unhealthy"
    assert whole.json()["integrations"]["other"]["status"] == "disabled"
    assert (whole.status_code, whole.json()["total"]) == (200, 3)
    assert again.status_code == 200


def test_metrics_and_status_count_what_was_asked(connected: Connected) -> None:
    """Each tenant's own, and what was promised."""
    with connected.bench.api() as api:
        api.get("/integrations/health/chat", params={"tenant": "acme"})
        metrics = api.get("/integrations/metrics").json()
        status = api.get("/integrations/status").json()

    operations = {(each["tenant"], each["operation"]): each for each in metrics["operations"]}
    assert operations["acme", "auth_test"]["calls"] >= 1
    assert (
        operations["acme", "auth_test"]["buckets"]["+Inf"]
        == (operations["acme", "auth_test"]["calls"])
    )
    assert metrics["total_calls"] >= 1
    by_tenant = {each["tenant"]: each for each in status["availability"]}
    assert by_tenant["acme"]["promised"] == "99.9%"
    assert 0 <= by_tenant["acme"]["percent"] <= 100


def test_what_is_not_there_is_404(connected: Connected) -> None:
    """And a name of several tenants has to say whose."""
    with connected.bench.api() as api:
        unknown = api.get("/integrations/health/nothing")
        whose = api.get("/integrations/health/chat")

    assert unknown.status_code == 404
    assert whose.status_code == 409
    assert "acme, default have one each" in whose.json()["detail"]


def content(file: Path) -> bytes:
    """Nothing of a file that the daemon has removed or replaced meanwhile."""
    with suppress(FileNotFoundError):
        return file.read_bytes()
    return b""


def test_the_token_is_shown_to_the_vendor_and_to_nobody_else(connected: Connected) -> None:
    """Not in answers, logs or files."""
    with connected.bench.api() as api:
        api.get("/integrations/health/chat", params={"tenant": "acme"})
        told = [api.get(f"/integrations/{what}").text for what in ("health", "metrics", "status")]

    secret = "xoxb-not-a-real-one"
    assert f"Bearer {secret}" in connected.vendor.tokens
    assert secret not in "".join(told)
    files = (each for each in connected.bench.state.rglob("*") if each.is_file())
    assert not [each for each in files if secret.encode() in content(each)]
