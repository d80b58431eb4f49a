"""Whose a series is, by its label `tenant`, and what a tenant may send."""

from intertie.monitor.sample import Sample, Series

LABEL = "tenant"
MAX_VALUE = 500
"""Characters of a label that a tenant sends."""

_OURS = "intertie_"
_OTHERS = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})


def stamped(sample: Sample, tenant: str) -> Sample:
    """The same as this tenant's, whosever it says it is.

    Raises ValueError when a tenant may not send it: rules of the suite would take it for theirs.
    """
    name, labels = sample.series.name, dict(sample.series.labels)
    if is_ours(name):
        raise ValueError(f"{name[:100]} is measured by the suite itself; take another name")
    for label, value in labels.items():
        if len(value) > MAX_VALUE:
            raise ValueError(f"{label[:100]} has more than {MAX_VALUE} characters")
    return Sample(Series.of(name, {**labels, LABEL: tenant}), sample.value)


def is_ours(name: str) -> bool:
    """Whether only the suite itself makes such series."""
    return name.startswith(_OURS) or name in _OTHERS


def tenant_of(series: Series) -> str:
    """Its label; empty: it has none."""
    return dict(series.labels).get(LABEL, "")


def sender_of(series: Series) -> str:
    """The tenant that it counts for; empty: none, as what the suite measures of a tenant."""
    return "" if is_ours(series.name) else tenant_of(series)
