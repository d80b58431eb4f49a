import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_the_health_of_each_service_is_shown(running: Bench) -> None:
    """As a table and as the health JSON."""
    table = running.ok("health").out
    found = running.ok("health", "--json").json()

    assert "web" in table
    assert found["status"] == "UP"
    assert found["services"]["web"]["dependencies"] == {"echo": "UP"}


def test_the_exit_code_tells_when_asked(bench: Bench) -> None:
    """Otherwise a DOWN suite is an answer like any other."""
    bench.write("suite: x\napi: {port: auto}\nservices: {a: {command: 'false'}}\n")
    bench("up", "--detach")

    assert bench("health").code == 0
    assert bench("health", "--exit-code").code == 1
    assert "exit code 1" in bench("health").out
