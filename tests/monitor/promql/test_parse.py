import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.promql.parse import check_result, parse
from intertie.monitor.promql.tree import (
    Aggregate,
    Binary,
    Call,
    Matching,
    Moment,
    Negate,
    Number,
    QueryError,
    Range,
    Selector,
    Subquery,
    Text,
)
from intertie.monitor.sample import Matcher

UP = Selector((Matcher("__name__", "=", "up"),), Moment())
ALERTS = """\
up == 0
(node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 < 10)
rate(node_vmstat_pgmajfault[5m]) > 1000
sum by (instance) (rate(node_network_receive_bytes_total[2m])) / 1024 / 1024 > 100
sum by (instance) (rate(node_disk_read_bytes_total[2m])) / 1024 / 1024 > 50
((node_filesystem_avail_bytes * 100) / node_filesystem_size_bytes < 10 and on (instance,
    device, mountpoint) node_filesystem_readonly == 0)
predict_linear(node_filesystem_avail_bytes{fstype!~"tmpfs|fuse.*"}[1h], 24 * 3600) < 0 and ON
    (instance, device, mountpoint) node_filesystem_readonly == 0
node_filesystem_files_free{mountpoint="/rootfs"} / node_filesystem_files{mountpoint="/rootfs"}
    * 100 < 10
rate(node_disk_read_time_seconds_total[1m]) / rate(node_disk_reads_completed_total[1m]) > 0.1
    and rate(node_disk_reads_completed_total[1m]) > 0
100 - (avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[2m])) * 100) > 80
avg by (instance) (rate(node_cpu_seconds_total{mode="steal"}[5m])) * 100 > 10
(1 - (node_memory_SwapFree_bytes / node_memory_SwapTotal_bytes)) * 100 > 80
node_systemd_unit_state{state="failed"} == 1
((node_hwmon_temp_celsius * ignoring(label) group_left(instance, job, node, sensor)
    node_hwmon_sensor_label{label!="tctl"} > 75))
increase(node_vmstat_oom_kill[1m]) > 0
increase(node_edac_correctable_errors_total[1m]) > 0
rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) >
    0.01
(node_nf_conntrack_entries / node_nf_conntrack_entries_limit) > 0.8
(node_timex_offset_seconds > 0.05 and deriv(node_timex_offset_seconds[5m]) >= 0) or
    (node_timex_offset_seconds < -0.05 and deriv(node_timex_offset_seconds[5m]) <= 0)
min_over_time(node_timex_sync_status[1m]) == 0 and node_timex_maxerror_seconds >= 16
changes(process_start_time_seconds{job=~"prometheus|alertmanager"}[15m]) > 2
absent(up{job="prometheus"})
count by (job) (up == 0) / count by (job) (up) > 0.5
histogram_quantile(0.99, sum by (le, route) (rate(http_request_duration_seconds_bucket[5m])))
    > 1
sum(rate(http_requests_total{status=~"5.."}[5m])) by (service) /
    sum(rate(http_requests_total[5m])) by (service) * 100 > 5
avg_over_time((time() - backup_last_success_timestamp_seconds)[30m:5m]) > 26 * 3600
probe_ssl_earliest_cert_expiry - time() < 86400 * 14
topk(5, sum by (topic) (delta(queue_messages[10m]))) > 1000
max_over_time(queue_messages[1h] offset 1d) * 3 < queue_messages
quantile_over_time(0.95, response_seconds[10m]) > 0.5 unless on (service) maintenance == 1
hour() >= bool 9 and on () vector(1)
label_replace(node_uname_info, "host", "$1", "nodename", "(.*?)\\\\..*")
sum without (cpu) (irate(node_softirqs_total[5m])) > 2 * stddev_over_time(node_load1[1h])
"""


@pytest.mark.parametrize("text", re.split(r"\n(?! )", ALERTS.rstrip()))
def test_expressions_of_common_alerts_are_understood(text: str) -> None:
    """As rules for hosts, requests, queues, certificates and backups are written."""
    check_result(text, parse(text))


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("0x10", Number(16)),
        ("(up)", UP),
        ('{__name__="up"}', UP),
        ("up[1m30s]", Range(UP, 90_000)),
        ("up[500ms]", Range(UP, 500)),
        ("up offset 1w @ 1.5", Selector(UP.matchers, Moment(604_800_000, 1500))),
        ("up offset -1500ms", Selector(UP.matchers, Moment(-1500))),
        ("up @ start()", Selector(UP.matchers, Moment(at="start"))),
        ("up @ end()", Selector(UP.matchers, Moment(at="end"))),
        ("up[5m:]", Subquery(UP, 300_000, None, Moment())),
        ("up[5m:10s] offset 1s", Subquery(UP, 300_000, 10_000, Moment(1000))),
        ("-up ^ 2", Negate(Binary("^", UP, Number(2), Matching(), as_bool=False))),
        ("abs(up)", Call("abs", (UP,))),
        ("sum(up)", Aggregate("sum", UP, None, (), without=False)),
        ("sum without (a) (up)", Aggregate("sum", UP, None, ("a",), without=True)),
        ("topk by (a) (3, up)", Aggregate("topk", UP, Number(3), ("a",), without=False)),
        ('count_values("v", up)', Aggregate("count_values", UP, Text("v"), (), without=False)),
        ("up > bool up", Binary(">", UP, UP, Matching(), as_bool=True)),
        ("up + on(a) up", Binary("+", UP, UP, Matching(("a",), on=True), as_bool=False)),
        (
            "up * ignoring(a) group_left(b) up",
            Binary("*", UP, UP, Matching(("a",), many="left", include=("b",)), as_bool=False),
        ),
        (
            "up * on() group_right up",
            Binary("*", UP, UP, Matching((), on=True, many="right"), as_bool=False),
        ),
    ],
)
def test_a_text_becomes_a_tree(text: str, node: object) -> None:
    """Lengths in milliseconds; brackets leave no trace."""
    assert parse(text) == node


def test_operators_bind_as_in_prometheus() -> None:
    """Powers first and from the right; then products, sums, comparisons, `and`, `or`."""
    assert parse("1 + 2 * 3 ^ 2 ^ 1") == parse("1 + (2 * (3 ^ (2 ^ 1)))")
    assert parse("a or b and c == d + e") == parse("a or (b and (c == (d + e)))")


def test_each_matcher_is_kept() -> None:
    """In the order written, the name first."""
    node = parse('up{a="1",b!="2",c=~"3.*",d!~"4"}')

    assert isinstance(node, Selector)
    assert [(one.op, one.value) for one in node.matchers[1:]] == [
        ("=", "1"), ("!=", "2"), ("=~", "3.*"), ("!~", "4"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "named", "instead"),
    [
        ("mad_over_time(up[5m])", "function mad_over_time is not", "max_over_time"),
        ("nothing(up)", "unknown function with name 'nothing'", "max_over_time"),
        ("limitk(2, up)", "aggregation limitk is not", "topk"),
        ("up atan2 up", "operator atan2 is not", "unless"),
        ("up + fill(0) up", "fill is not", "or"),
        ('up{a="1" or b="2"}', "or between matchers is not", "between selectors"),
        ('up{a=~"\\\\pL"}', "regular expression", "bad escape"),
        ('label_replace(up, "a", "", "b", "(")', "regular expression", "missing"),
        ('label_join(up, "a-b", "", "c")', "'a-b' is no label name", ""),
        ('count_values("a-b", up)', "'a-b' is no label name", ""),
        ("rate(up)", "expected type matrix", ""),
        ("up @ 1e50", "too large", ""),
    ],
)
def test_what_is_not_supported_is_named(text: str, named: str, instead: str) -> None:
    """When the query is made, never when it is answered, with what there is instead."""
    with pytest.raises(QueryError, match=r"^cannot use query ") as caught:
        parse(text)

    assert named in str(caught.value)
    assert instead in str(caught.value)


@pytest.mark.parametrize("text", ["up[5m]", "(up[5m:1m])"])
def test_samples_of_a_range_are_no_answer(text: str) -> None:
    """A function must make values of them."""
    with pytest.raises(QueryError, match="max_over_time"):
        check_result(text, parse(text))


@given(st.text(alphabet=" abtux019.[](){}:@=~!<>+-*/^%\"'`,\\\n#", max_size=40))
def test_no_text_does_any_harm(text: str) -> None:
    """It is understood, or refused with a reason."""
    told = "cannot use query "
    try:
        parse(text)
    except QueryError as refused:
        told = str(refused)

    assert told.startswith("cannot use query ")
