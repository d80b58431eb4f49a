import gzip
import json

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from intertie.errors import IntertieError, TooMuchError
from intertie.monitor.collect.otlp import Intake, read
from intertie.monitor.sample import is_stale
from intertie.monitor.tenant_quota import Quotas
from intertie.suite.monitoring import Monitoring
from tests.monitor.collect.otlp_requests import (
    BUCKETS,
    JSON,
    NOW_MS,
    NOW_NS,
    PROTOBUF,
    gauge,
    histogram,
    number,
    request,
    total,
)

pytestmark = pytest.mark.anyio


def test_both_encodings_say_the_same() -> None:
    """Compressed or not."""
    body = request(total(number(5, path="/")), histogram())
    message = json_format.Parse(body, ExportMetricsServiceRequest())
    packed = message.SerializeToString()

    assert read(packed, PROTOBUF) == read(body, f"{JSON}; charset=utf-8")
    assert read(gzip.compress(packed), PROTOBUF, gzipped=True) == read(packed, PROTOBUF)


ENDLESS = (
    json.dumps(
        {
            "resourceMetrics": [
                {"scopeMetrics": [{"metrics": [{"sum": {"aggregationTemporality": 0}}]}]}
            ]
        }
    )
    .replace("0", "1e999")
    .encode()
)


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"{", JSON, "cannot read the request to export metrics"),
        (b"\xff", JSON, "cannot read the request to export metrics"),
        (b'{"resourceMetrics": 5}', JSON, "cannot read the request to export metrics"),
        (ENDLESS, JSON, "cannot read the request to export metrics"),
        (b"[" * 100_000, JSON, "cannot read the request to export metrics"),
        (b"\x0a\xff", PROTOBUF, "cannot read the request to export metrics"),
        (b"{}", "text/plain", "expected application/x-protobuf or application/json"),
        (b" " * ((10 << 20) + 1), JSON, "larger than 10 MiB"),
    ],
)
def test_a_faulty_request_is_refused_whole(body: bytes, kind: str, why: str) -> None:
    """In words for whoever sent it."""
    with pytest.raises(IntertieError, match=why):
        read(body, kind)


class Clock:
    """Ours, set by hand."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        """Now."""
        return self.now_ms


async def newest(intake: Intake) -> dict[str, float | str]:
    """By series; an end is written as such."""
    return {
        str(each.series): "end" if is_stale(each.value) else each.value
        for each in await intake.collect(0)
    }


async def test_a_tick_has_the_newest_value_of_each() -> None:
    """A request that comes late changes nothing."""
    intake = Intake(now_ms=Clock())

    await intake.take(request(total(number(5))), JSON)
    await intake.take(request(total(number(9, NOW_NS + 10**9)), gauge(number(1.0))), JSON)
    await intake.take(request(total(number(7, NOW_NS + 10**8))), JSON)

    assert await newest(intake) == {
        'hits_total{service="web"}': 9.0,
        'queue_length{service="web"}': 1.0,
    }


async def test_what_only_tells_the_difference_is_added_up() -> None:
    """Sums and histograms both become counters that only grow."""
    intake = Intake(now_ms=Clock())

    for value in (5, 3):
        await intake.take(request(total(number(value), temporality=1), histogram(1)), JSON)

    assert await newest(intake) == {
        'hits_total{service="web"}': 8.0,
        **{series: 2 * value for series, value in BUCKETS.items()},
    }


async def test_what_is_not_told_for_five_minutes_has_ended() -> None:
    """The end is told once."""
    clock = Clock()
    intake = Intake(now_ms=clock)
    await intake.take(request(gauge(number(1.0))), JSON)
    clock.now_ms += 5 * 60 * 1000

    kept = await newest(intake)
    clock.now_ms += 1
    ended = await newest(intake)

    assert kept == {'queue_length{service="web"}': 1.0}
    assert ended == {'queue_length{service="web"}': "end"}
    assert await newest(intake) == {}


async def test_a_point_may_say_that_its_series_has_ended() -> None:
    """And another that it goes on."""
    intake = Intake(now_ms=Clock())
    gone = {"timeUnixNano": str(NOW_NS), "flags": 1}
    await intake.take(request(gauge(number(1.0))), JSON)
    await intake.take(request(gauge(gone)), JSON)
    ended = await newest(intake)
    await intake.take(request(gauge(number(2.0))), JSON)

    assert ended == {'queue_length{service="web"}': "end"}
    assert await newest(intake) == {'queue_length{service="web"}': 2.0}


async def test_more_series_than_allowed_are_refused() -> None:
    """Those that are there go on."""
    intake = Intake(max_series=1, now_ms=Clock())
    await intake.take(request(gauge(number(1.0, n="a"))), JSON)

    export = await intake.take(request(gauge(number(2.0, n="a"), number(3.0, n="b"))), JSON)

    assert (export.rejected, export.why) == (1, "there are more than 1 series")
    assert await newest(intake) == {'queue_length{n="a", service="web"}': 2.0}


async def test_a_tenant_that_has_its_series_takes_no_room_of_others() -> None:
    """It is told so, and counted; what has ended makes room."""
    clock = Clock()
    config = Monitoring.model_validate({"tenants": {"acme": {"max_series": 1}}})
    quotas = Quotas(config, lambda: ("acme", "globex"), clock)
    intake = Intake(max_series=3, now_ms=clock, quotas=quotas)
    body = request(gauge(number(1.0, n="a", tenant="globex"), number(2.0, n="b")))

    mine = await intake.take(body, JSON, tenant="acme")
    other = await intake.take(body, JSON, tenant="globex")

    assert (mine.rejected, mine.why) == (1, "tenant acme has 1 series, and may have no more")
    assert other.rejected == 0
    assert quotas.refused("acme") == {"series": 1}
    assert len(await newest(intake)) == 3
    clock.now_ms += 6 * 60 * 1000
    await intake.collect(clock.now_ms)
    assert (await intake.take(body, JSON, tenant="acme")).rejected == 1


async def test_a_tenant_that_has_spent_its_minute_is_not_even_read() -> None:
    """What it cannot send is counted too."""
    config = Monitoring.model_validate({"tenants": {"acme": {"samples_per_minute": 2}}})
    quotas = Quotas(config, lambda: ("acme",), Clock())
    intake = Intake(now_ms=Clock(), quotas=quotas)
    body = request(gauge(number(1.0, n="a"), number(2.0, n="b")))

    await intake.take(body, JSON, tenant="acme")
    with pytest.raises(TooMuchError, match="tenant acme now"):
        await intake.take(b"no request at all", JSON, tenant="acme")
    await intake.take(body, JSON)
