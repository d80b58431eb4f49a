"""How large a body may be; what clients see of it is in tests/gateway/test_traffic.py."""

from intertie.gateway.policy import size
from tests.gateway.rules import rule


def test_a_route_without_a_limit_says_nothing() -> None:
    """Its bodies stream through, however large."""
    assert size.on_route(rule(), "none") is None


def test_a_limit_is_given_in_bytes() -> None:
    """As the suite has it."""
    config = size.on_route(rule(max_body=1000), "none")

    assert config is not None
    [limit] = config["filter_chain"]["filters"]
    assert limit["typed_config"]["max_request_bytes"] == 1000
