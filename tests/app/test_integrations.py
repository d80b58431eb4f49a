"""The suite's connections in its daemon."""

import pytest

from tests.api.test_integrations import SUITE
from tests.e2e.shop import until
from tests.harness import Bench
from tests.integrations.vendor_service import vendor_service

pytestmark = pytest.mark.slow


def names(bench: Bench) -> set[tuple[str, str]]:
    """Of all connections: tenant and name."""
    found = bench.ok("integrations", "list", "--json").json()
    return {(each["tenant"], each["name"]) for each in found}


def test_connections_follow_the_file(bench: Bench) -> None:
    """New ones are made, those that went are gone, one that cannot be made says why."""
    bench.write("suite: late\napi: {port: auto}\nservices: {web: {command: sleep 1000}}\n")
    with vendor_service() as vendor:
        bench.ok("up", "--detach")
        before = names(bench)
        bench.write(SUITE.replace("URL", vendor.url).replace("suite: connected", "suite: late"))
        bench.ok("apply")
        until(lambda: len(names(bench)) == 3)
        found = bench.ok("integrations", "list", "--json").json()
        secrets = bench.state / "secrets"
        secrets.mkdir(exist_ok=True)
        (secrets / "slack").touch(mode=0o600)
        (secrets / "slack").write_text("xoxb-1")
        file = bench.folder / "suite.yaml"
        file.write_text(file.read_text().replace("[default, acme]", "[acme]"))
        bench.ok("apply")
        until(lambda: names(bench) == {("acme", "chat"), ("default", "other")})
        until(
            lambda: (
                "healthy"
                in {each["status"] for each in bench.ok("integrations", "list", "--json").json()}
            )
        )

    assert before == set()
    assert {each["status"] for each in found} == {"unhealthy"}
    assert all("cannot read secret 'slack'" in each["error"] for each in found)
