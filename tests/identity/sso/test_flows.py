"""Logins under way."""

import pytest

from intertie.identity.sealed import Sealer
from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.cookies import Cookies
from intertie.identity.sso.flows import LIFETIME_S, Flow, Flows
from intertie.identity.sso.once import Once
from intertie.identity.sso.redirects import MAX_RETURN
from intertie.store.sqlite import SqliteRecords
from tests.api.login.site import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def flows(records: SqliteRecords, sealer: Sealer, clock: Clock) -> Flows:
    """Of one suite."""
    return Flows(sealer, Cookies(), Once(records, clock), clock)


def begun(clock: Clock, return_to: str = "/wanted") -> Flow:
    """A new one."""
    return Flow.begin("corporate", return_to, clock().timestamp())


def sent(*headers: str) -> str:
    """What the browser sends back."""
    return "; ".join(each.partition(";")[0] for each in headers)


async def test_each_flow_is_its_own(flows: Flows, clock: Clock) -> None:
    """Two at once both end, in any order, with what each began with."""
    one, two = begun(clock, "/one"), begun(clock, "/two")
    header = sent(*flows.keep(one, None), *flows.keep(two, None))

    assert (await flows.take(two.id, "corporate", header))[0] == two
    assert (await flows.take(one.id, "corporate", header))[0] == one
    assert len({one.id, two.id, one.nonce, two.nonce, one.verifier, two.verifier}) == 6


async def test_a_flow_ends_once(flows: Flows, clock: Clock) -> None:
    """Though the browser still has the cookie."""
    flow = begun(clock)
    header = sent(*flows.keep(flow, None))
    _, cleared = await flows.take(flow.id, "corporate", header)

    assert "Max-Age=0" in cleared
    with pytest.raises(LoginRefusedError, match="ended before"):
        await flows.take(flow.id, "corporate", header)


async def test_what_is_no_flow_of_this_browser(flows: Flows, clock: Clock) -> None:
    """None at all, one of another provider, one of another id, a changed one, an old one."""
    flow, other = begun(clock), begun(clock)
    header = sent(*flows.keep(flow, None))
    value = header.partition("=")[2]
    tries = [
        (flow.id, "corporate", None),
        (flow.id, "other", header),
        (other.id, "corporate", header),
        (other.id, "corporate", f"__Host-intertie-flow-{other.id}={value}"),
        (flow.id, "corporate", header[:-6] + "AAAAAA"),
        ("", "corporate", header),
    ]

    for id, provider, cookies in tries:
        with pytest.raises(LoginRefusedError, match="another browser"):
            await flows.take(id, provider, cookies)
    clock.advance(LIFETIME_S + 1)
    with pytest.raises(LoginRefusedError, match="minutes ago"):
        await flows.take(flow.id, "corporate", header)


async def test_cookies_never_pile_up(flows: Flows, clock: Clock) -> None:
    """The oldest make room; each fits into what browsers keep, and what cannot be read goes."""
    header, flow = "__Host-intertie-flow-broken=x", begun(clock)
    for _ in range(20):
        clock.advance(1)
        flow = begun(clock, "/" + "a" * (MAX_RETURN - 1))
        made = flows.keep(flow, header)
        assert all(len(each) < 4096 for each in made)
        gone = {each.partition("=")[0] for each in made if "Max-Age=0" in each}
        kept = [each for each in header.split("; ") if each.partition("=")[0] not in gone]
        header = sent(made[0], *kept)
        assert len(kept) <= 4

    assert len(header) < 16384
    assert "broken" not in header
    await flows.take(flow.id, "corporate", header)
