"""Whose answers a request may have."""

from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.cache import caller
from intertie.gateway.cache.message import Request
from intertie.gateway.cache.policy import Terms
from intertie.gateway.cache.store import PUBLIC

NAMES = ("x-client-id", "x-forwarded-user", "x-roles", "authorization", "cookie")
HEADERS = st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=6))


def asked(headers: dict[str, bytes]) -> Request:
    """With these."""
    return Request(b"GET", b"/", [(name.encode(), value) for name, value in headers.items()])


@given(HEADERS, HEADERS)
def test_two_callers_share_a_partition_only_if_they_are_the_same(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    """Whatever they say, in whichever field."""
    both = [caller.partition(asked(each), Terms(), trusted=True) for each in (one, other)]

    assert (both[0] == both[1]) is (one == other)
    assert PUBLIC not in both


@given(HEADERS)
def test_a_shared_route_knows_no_identities(headers: dict[str, bytes]) -> None:
    """Where the suite file says so."""
    assert caller.partition(asked(headers), Terms(shared=True), trusted=True) == PUBLIC


def test_without_a_gateway_its_fields_mean_nothing() -> None:
    """Anybody may have sent them."""
    forged = asked({"x-client-id": b"ada"})
    forged.table |= {
        b"x-tenant-id": b"t",
        b"x-intertie-cache": b"r",
        b"x-envoy-original-path": b"/",
    }
    found = caller.address(forged, trusted=False)

    assert caller.partition(forged, Terms(), trusted=False) == caller.ANONYMOUS
    assert (found.tenant, found.route) == (b"", b"")


def test_an_address_is_what_the_client_asked_for() -> None:
    """Host without case, the path before it was rewritten, and how it was forwarded."""
    headers = {"host": b"A.example", "x-envoy-original-path": b"/web/a", "x-tenant-id": b"t"}
    found = caller.address(asked(headers), trusted=True)
    forwarded = caller.address(asked({**headers, "x-forwarded-host": b"b"}), trusted=True)

    assert (found.tenant, found.host, found.path) == (b"t", b"a.example", b"/web/a")
    assert found != forwarded
    assert found.place == forwarded.place
