"""The parts of a sidecar."""

from intertie.gateway.mesh import http
from intertie.plan import Endpoint


def test_a_call_takes_as_long_as_its_caller_likes() -> None:
    """No timeout of ours; only what was never sent is tried again."""
    route = http.to("app")["route"]

    assert route["timeout"] == "0s"
    assert set(route["retry_policy"]["retry_on"].split(",")) == {
        "connect-failure",
        "refused-stream",
        "reset-before-request",
    }


def test_a_service_without_replicas_has_an_empty_cluster() -> None:
    """It answers 503, and is there."""
    assert http.assignment("app", [])["endpoints"] == []
    [places] = http.assignment("app", [Endpoint("127.0.0.1", 1)])["endpoints"]
    assert len(places["lb_endpoints"]) == 1


def test_a_sidecar_is_not_seen() -> None:
    """Addresses, hosts and servers are passed on as they came."""
    made = http.manager("a", {})["typed_config"]

    assert (made["use_remote_address"], made["skip_xff_append"]) == (False, True)
    assert made["server_header_transformation"] == "PASS_THROUGH"


def test_a_route_is_named_for_the_log() -> None:
    """By its host, or as told."""
    assert http.host("a.mesh", {})["routes"][0]["name"] == "a.mesh"
    assert http.host("a.mesh", {}, name="spiffe://x/a")["routes"][0]["name"] == "spiffe://x/a"
