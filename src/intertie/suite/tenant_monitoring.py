"""How much of monitoring one tenant may use, and who is told of its alerts."""

from typing import Annotated

from pydantic import BeforeValidator

from intertie.suite.values import Count, Model, Name, one_or_more

DEFAULT_SERIES_SHARE = 10
"""A tenant has one part in so many of `max_series` where nothing else is said."""
DEFAULT_SAMPLES = 100_000


class TenantMonitoring(Model):
    """What a tenant may send with its own keys. What the suite measures of it does not count."""

    max_series: Count | None = None
    """New series beyond these are refused; None: a tenth of `metrics_collection.max_series`."""
    samples_per_minute: Count = DEFAULT_SAMPLES
    """What it sends beyond these is refused until a minute has passed."""
    channels: Annotated[
        tuple[Name, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
    ] = ()
    """Channels of `monitoring.channels` that are told of alerts with its label `tenant`, in place
    of those of `alert_integration`; none: those."""
