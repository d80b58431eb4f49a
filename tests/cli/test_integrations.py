"""`integrations`: connections to services outside."""

from tests.api.test_integrations import Connected, connected
from tests.harness import Bench
from tests.integrations.vendor_service import DEAD, WELL

__all__ = ["connected"]

import pytest


@pytest.mark.slow
def test_a_connection_is_listed_and_checked(connected: Connected) -> None:
    """With the way out of trouble; the exit code says whether it is well."""
    bench = connected.bench
    well = bench.ok("integrations", "check", "chat", "--tenant", "acme")
    connected.vendor.told = dict(DEAD)
    dead = bench("integrations", "check", "chat", "--tenant", "acme")
    connected.vendor.told = dict(WELL)
    bench.ok("integrations", "check", "chat", "--tenant", "acme", "--json")
    table = bench.ok("integrations", "list").out
    metrics = bench.ok("integrations", "metrics").out
    missing = bench("integrations", "check", "nothing")

    assert well.out.startswith("chat is healthy (")
    assert dead.code == 1
    assert "what to do: log in anew: intertie integrations connect acme/chat" in dead.out
    assert [line.split()[:4] for line in table.splitlines()[1:]] == [
        ["chat", "default", "slack", "healthy"],
        ["chat", "acme", "slack", "healthy"],
        ["other", "default", "slack", "disabled"],
    ]
    assert "auth_test" in metrics
    assert (missing.code, "cannot find integration 'nothing'" in missing.err) == (1, True)


@pytest.mark.slow
def test_health_is_a_picture_of_all(connected: Connected) -> None:
    """How many work, by category, and how calls went; the exit code says whether all is well."""
    bench = connected.bench
    for tenant in ("acme", "default"):
        bench.ok("integrations", "check", "chat", "--tenant", tenant)
    well = bench.ok("integrations", "health")
    connected.vendor.told = dict(DEAD)
    bench("integrations", "check", "chat", "--tenant", "acme")
    sick = bench("integrations", "health")
    connected.vendor.told = dict(WELL)
    bench.ok("integrations", "check", "chat", "--tenant", "acme")

    lines = well.out.splitlines()
    assert lines[0] == "2 integrations: 2 healthy, 0 degraded, 0 unhealthy"
    assert "went well" in lines[1]
    assert lines[2].split() == ["communication", "█" * 32, "100%"]
    assert sick.code == 1
    assert sick.out.splitlines()[0].endswith("1 healthy, 0 degraded, 1 unhealthy")
    assert sick.out.splitlines()[2].split()[1:] == ["█" * 16, "50%"]


def test_kinds_are_listed_without_a_suite(bench: Bench) -> None:
    """And what each asks for; a slip of the pen gets the nearest word."""
    table = bench.ok("integrations", "kinds").out
    one = bench.ok("integrations", "kinds", "spotify").out
    typo = bench("integrations", "kinds", "spotfy")

    assert "Music catalogue and playlists" in table
    assert "client_secret  yes" in one
    assert "did you mean spotify?" in typo.err


def test_settings_are_explained_from_the_file(bench: Bench) -> None:
    """Nothing has to run, and no secret is shown."""
    bench.write(
        "suite: shop\nservices: {web: {command: sleep 9}}\nintegrations:\n"
        '  music: {kind: spotify, config: {client_id: a, client_secret: "${secret:s}"}}\n'
    )

    lines = bench.ok("explain", "integration", "music").out.splitlines()
    missing = bench("explain", "integration", "noise")

    rows = {line.split()[0]: line.split()[1:] for line in lines}
    assert rows["config.client_secret"] == ["${secret:s}", "suite.yaml:4:49"]
    assert rows["timeout"] == ["30.0", "default"]
    assert missing.code == 1
