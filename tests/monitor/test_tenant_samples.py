"""Whose series are, and what a tenant may send."""

import pytest

from intertie.monitor.sample import Sample, Series
from intertie.monitor.tenant_samples import sender_of, stamped, tenant_of


def test_what_a_tenant_sends_is_its_own() -> None:
    """Whosever it says it is."""
    sample = Sample(Series.of("orders", {"tenant": "globex", "shop": "a"}), 7.0)

    assert stamped(sample, "acme") == Sample(
        Series.of("orders", {"tenant": "acme", "shop": "a"}), 7.0
    )


@pytest.mark.parametrize("name", ["intertie_gateway_requests_total", "up", "ALERTS"])
def test_a_tenant_may_not_send_what_the_suite_measures(name: str) -> None:
    """Rules of the suite would take it for theirs."""
    with pytest.raises(ValueError, match="measured by the suite itself"):
        stamped(Sample(Series(name), 1.0), "acme")


def test_a_tenants_labels_are_short() -> None:
    """Nobody fills the memory with them."""
    with pytest.raises(ValueError, match="more than 500 characters"):
        stamped(Sample(Series.of("orders", {"a": "x" * 501}), 1.0), "acme")


def test_what_the_suite_measures_of_a_tenant_counts_for_nobody() -> None:
    """A tenant that has used up its series is watched as before."""
    measured = Series.of("intertie_integration_requests_total", {"tenant": "acme"})

    assert (tenant_of(measured), sender_of(measured)) == ("acme", "")
    assert sender_of(Series.of("orders", {"tenant": "acme"})) == "acme"
    assert sender_of(Series("orders")) == ""
