"""What a service learns from its environment."""

import pytest

from intertie.errors import IntertieError
from intertie.service.environment import read_environment


def test_the_name_is_the_suites_without_the_replica() -> None:
    """INTERTIE_SERVICE says both."""
    found = read_environment(None, {"INTERTIE_SERVICE": "orders/3", "PORT": "3001"})

    assert (found.service, found.replica, found.port) == ("orders", "3", 3001)


def test_a_program_without_a_suite_runs_too() -> None:
    """A name is all it needs."""
    found = read_environment("orders", {})

    assert (found.port, found.bus_url, found.log_level) == (None, None, "INFO")
    assert (found.drain_s, found.trace_sample) == (10.0, 0.1)


def test_the_drain_ends_a_second_before_the_kill() -> None:
    """What follows the drain has time, too."""
    assert read_environment("orders", {"INTERTIE_STOP_GRACE": "30"}).drain_s == 29.0


def test_every_fault_is_told_at_once() -> None:
    """Nobody starts a program five times to learn of five faults."""
    variables = {"PORT": "x", "INTERTIE_LOG_LEVEL": "loud", "INTERTIE_TRACE_SAMPLE": "7"}

    with pytest.raises(IntertieError) as caught:
        read_environment(None, variables)

    told = str(caught.value)
    names = ("INTERTIE_SERVICE", "PORT", "INTERTIE_LOG_LEVEL", "INTERTIE_TRACE_SAMPLE")
    assert [name for name in names if name not in told] == []


def test_the_address_of_the_bus_is_not_shown() -> None:
    """It holds a password."""
    url = "redis://:hunter2@127.0.0.1:6379/0"

    assert "hunter2" not in repr(read_environment("orders", {"INTERTIE_BUS_URL": url}))


def test_other_services_are_found_by_name() -> None:
    """In the variable that the suite sets for each."""
    found = read_environment("orders", {"INTERTIE_URL_STOCK_KEEPER": "http://127.0.0.1:3002/"})

    assert found.url("stock-keeper") == "http://127.0.0.1:3002"
    with pytest.raises(IntertieError, match="INTERTIE_URL_MAIL is not set"):
        found.url("mail")
