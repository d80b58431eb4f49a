"""What Envoy asks."""

from intertie.gateway.authz.question import Question
from tests.gateway.authz.asking import question


def test_a_question_has_route_address_and_id_from_the_gateway() -> None:
    """Without them they are empty, which no route and no address is."""
    asked = question("orders")
    bare = Question("GET", "/", {})

    assert (asked.route, asked.address, asked.request_id) == ("orders", "192.0.2.1", "r-1")
    assert (bare.route, bare.address, bare.request_id) == ("", "", "")


def test_a_preflight_is_what_a_browser_sends() -> None:
    """OPTIONS alone is a request like any other."""
    asks = {"origin": "https://a.example", "access_control_request_method": "PUT"}

    assert question("r", method="OPTIONS", **asks).is_preflight
    assert not question("r", method="OPTIONS").is_preflight
    assert not question("r", method="GET", **asks).is_preflight
