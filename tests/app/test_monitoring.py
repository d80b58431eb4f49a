"""A suite that is monitored, from a sample to a page and back to calm."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.app.monitored import Site, monitored
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The same for all, for they measure different things."""
    with monitored(tmp_path_factory.mktemp("monitored")) as made:
        yield made


def test_an_event_becomes_a_figure_an_alert_and_a_signed_page(site: Site) -> None:
    """Business figures are fed by the bus and by hand; events tell what became alarming."""
    site.bench.ok("metrics", "feed", "active_users", "3")
    paid = '{"order": {"total": 150}, "shop": "west"}'
    site.bench.ok("bus", "publish", "orders.paid", paid)

    headers, body = site.hook.about("Rich")
    shown = site.bench("alerts", "list", "--json")
    events = site.bench.ok("events").out

    assert body["alerts"][0]["labels"] == {
        "alertname": "Rich",
        "severity": "warning",
        "shop": "west",
    }
    assert body["alerts"][0]["annotations"]["summary"].startswith("west has 150")
    assert headers["x-intertie-signature"].startswith("t=")
    assert shown.code == 1
    assert "Rich" in [each["name"] for each in shown.json() if each["state"] == "firing"]
    assert "alert.firing" in events
    assert site.value("active_users") == 3


def test_requests_are_counted_by_service_and_status_and_too_many_errors_are_told(
    site: Site,
) -> None:
    """By the gateway itself: no service has to do anything for it."""
    url = site.bench.daemon()["gateway_url"]
    until(lambda: httpx.get(url, trust_env=False, timeout=60).status_code == 200)

    def has_failed() -> bool:
        for path in ("/", "/bad"):
            httpx.get(f"{url}{path}", trust_env=False, timeout=60)
        return bool(site.value('rate(intertie_http_requests_total{status="500"}[1m])'))

    until(has_failed)
    _, body = site.hook.about("ErrorRateCritical")

    assert body["alerts"][0]["labels"]["service"] == "web"
    assert body["alerts"][0]["labels"]["severity"] == "critical"
    assert site.value('intertie_http_request_duration_seconds_count{service="web"}')


def test_services_pages_and_the_bus_are_measured(site: Site) -> None:
    """The machine, each service's processes, what pages say, how far groups of the bus are."""
    for expression in (
        "intertie_cpu_usage_ratio",
        'intertie_service_memory_bytes{service="web"}',
        'pages_printed{job="pages", service="web"}',
        'up{job="pages"}',
        'intertie_service_up{service="gateway"}',
    ):
        until(lambda told=expression: site.value(told) is not None)  # type: ignore[misc]


def test_what_was_counted_and_what_fires_outlives_a_killed_daemon(tmp_path: Path) -> None:
    """And nobody is told of the same again."""
    with monitored(tmp_path) as site:
        site.bench.ok("bus", "publish", "orders.a", '{"order": {"total": 150}, "shop": "east"}')
        site.hook.about("Rich")
        until(lambda: bool(site.bench.ok("alerts", "notices", "--json").json()))
        os.kill(site.bench.daemon()["pid"], signal.SIGKILL)
        site.up()

        until(lambda: site.value("revenue") == 150)
        until(lambda: site.bench("alerts", "list").code == 1)
        told = site.bench.ok("alerts", "notices", "--json").json()

        assert [each["kind"] for each in told] == ["first"]
        assert {each["status"] for each in told} == {"sent"}


def test_monitoring_comes_and_goes_with_the_file(tmp_path: Path) -> None:
    """`apply` is enough; without it nothing is measured, and that is told."""
    with monitored(tmp_path) as site:
        text = (tmp_path / "suite.yaml").read_text()
        without = text.partition("monitoring:")[0]
        site.bench.write(without)
        site.bench.ok("apply")
        until(lambda: site.bench("metrics", "status").code != 0)
        gone = site.bench("metrics", "status")
        site.bench.write(text)
        site.bench.ok("apply")
        until(lambda: site.bench("metrics", "status").code == 0)

        assert "this suite has none" in gone.err


def test_a_rule_that_cannot_be_is_a_fault_of_the_file(tmp_path: Path) -> None:
    """Told with its place before anything starts; a running suite goes on as it was."""
    with monitored(tmp_path) as site:
        text = (tmp_path / "suite.yaml").read_text()
        site.bench.write(text.replace("error_rate > 5%", "eror_rate > 5%"))
        checked, applied = site.bench("check"), site.bench("apply")

        assert checked.code == 2
        assert "suite.yaml" in checked.err
        assert "error_rate" in checked.err
        assert applied.code != 0
        assert site.bench("metrics", "status").code == 0
