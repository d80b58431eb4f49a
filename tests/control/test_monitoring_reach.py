"""What of monitoring a caller sees; that nothing leaks is tested on a running suite."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from intertie.control.actor import Actor, ForbiddenError, Reach
from intertie.control.monitoring import Watching
from intertie.control.monitoring_reach import Seen, require_all
from intertie.errors import AccessDeniedError
from intertie.monitor.promql.query import QueryError
from intertie.monitor.sample import Matcher

ALL = Seen(cast("Watching", SimpleNamespace()), "")
ACME = Seen(cast("Watching", SimpleNamespace()), "acme")


def test_the_suites_own_people_see_everything() -> None:
    """With or without a tenant's label."""
    assert ALL.sees({})
    assert ALL.sees({"tenant": "acme"})
    assert ALL.text("why") == "why"
    assert ALL.selectors("up") == [(Matcher("__name__", "=", "up"),)]


def test_a_tenant_sees_what_bears_its_label() -> None:
    """And no texts that the suite's own people wrote for each other."""
    assert ACME.sees({"tenant": "acme", "a": "b"})
    assert not ACME.sees({})
    assert not ACME.sees({"tenant": "globex"})
    assert ACME.text("why") == ""


def test_each_selector_of_a_tenant_bears_its_label() -> None:
    """Also one that names somebody else."""
    own = Matcher("tenant", "=", "acme")

    for found in ACME.selectors('sum(a) + max_over_time(b{tenant="globex"}[5m])'):
        assert found[-1] == own


def test_a_tenant_writes_patterns_that_are_quick() -> None:
    """The suite's own people may write any."""
    slow = [Matcher("service", "=~", "(?=a)a")]

    assert ALL.matchers(slow) == tuple(slow)
    with pytest.raises(QueryError):
        ACME.matchers(slow)


def test_what_is_about_everybody_is_not_for_a_tenant() -> None:
    """Also where reading is open to all."""
    require_all(Actor("ann", may_read=True, may_write=False))
    with pytest.raises(ForbiddenError, match="/api/monitoring/tenants"):
        require_all(_caller(Reach(tenant="acme"), may_read=True))


@pytest.mark.parametrize(
    ("reach", "reads", "writes"),
    [
        (Reach(sees=True, tenant="acme"), True, False),
        (Reach(manages=True, tenant="acme"), True, True),
        (Reach(tenant="acme"), False, False),
        (Reach(sees=True, manages=True), False, False),
    ],
)
def test_a_role_within_a_tenant_opens_what_is_its_own(
    reach: Reach, *, reads: bool, writes: bool
) -> None:
    """Without a tenant it is the rights over the whole suite that count."""
    actor = _caller(reach)

    assert _may(actor.require_own_read) == reads
    assert _may(actor.require_own_write) == writes


def _caller(reach: Reach, *, may_read: bool = False) -> Actor:
    return Actor("dee", may_read=may_read, may_write=False, reach=reach)


def _may(require: Callable[[], None]) -> bool:
    try:
        require()
    except AccessDeniedError:
        return False
    return True
