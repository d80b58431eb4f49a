import re

import pytest

from intertie.errors import IntertieError
from intertie.monitor.promql.query import compile
from intertie.monitor.sugar import WORDS, Unit, compile_rule_text


@pytest.mark.parametrize(
    ("text", "end", "unit"),
    [
        ("error_rate > 5%", " > 5", Unit.PERCENT),
        ("error_rate > 0.5 %", " > 0.5", Unit.PERCENT),
        ("response_time_p95 > 1000ms", " > 1", Unit.SECONDS),
        ("response_time_p99>=700ms", " >= 0.7", Unit.SECONDS),
        ("response_time_p50 > 1m30s", " > 90", Unit.SECONDS),
        ("cpu_usage > 90%", "100 * intertie_cpu_usage_ratio > 90", Unit.PERCENT),
        ("memory_usage > 95%", "100 * intertie_memory_usage_ratio > 95", Unit.PERCENT),
        ("disk_usage > 90%", "100 * intertie_disk_usage_ratio > 90", Unit.PERCENT),
        ("queue_length > 1000", "sum by (group) (intertie_bus_pending) > 1000", Unit.COUNT),
        ("service_memory > 512MB", "intertie_service_memory_bytes > 536870912", Unit.BYTES),
        ("service_memory > 1.5g", "intertie_service_memory_bytes > 1610612736", Unit.BYTES),
        ("service_up == 0", "intertie_service_up == 0", Unit.COUNT),
    ],
)
def test_a_short_rule_is_compared_in_the_unit_of_its_word(text: str, end: str, unit: Unit) -> None:
    """Whatever unit it is written in."""
    compiled = compile_rule_text(text)

    assert compiled.promql.endswith(end)
    assert compiled.unit is unit
    assert compiled.word == re.match(r"\w+", text)[0]  # type: ignore[index]
    assert compiled.shown.split() == re.sub(r"(>=|==|>)", r" \1 ", text).split()


@pytest.mark.parametrize(
    "text",
    [
        "up == 0",
        "sum by (job) (rate(http_requests_total[5m])) > 10",
        "absent(up)",
        '{__name__="eror_rate"} > 5',
        "orders_total > 5",
        "intertie_service_up == 0",
    ],
)
def test_what_is_no_short_rule_stays_as_it_is(text: str) -> None:
    """It is PromQL; whether it is good PromQL is for its parser to say."""
    compiled = compile_rule_text(text)

    assert (compiled.promql, compiled.unit, compiled.word) == (text, None, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("eror_rate > 5%", "'eror_rate' is not a known word; did you mean `error_rate`?"),
        ("queue_lenght > 1000", "did you mean `queue_length`?"),
        ("turnover > 5%", "'turnover' is not a known word; known words are cpu_usage, "),
        ("error_rate > 5ms", "error_rate is in percent, as 5%, not '5ms'"),
        ("error_rate > 5", "error_rate is in percent, as 5%, not '5'"),
        ("cpu_usage > 1%%", "cpu_usage is in percent, as 5%, not '1%%'"),
        ("response_time_p95 > 5%", "response_time_p95 is in seconds, as 1000ms or 2s, not '5%'"),
        ("response_time_p95 > 5", "is in seconds, as 1000ms or 2s, not '5'"),
        ("queue_length > 5%", "queue_length is a count, as 1000, not '5%'"),
        ("memory_usage > 512MB", "not '512MB'; service_memory takes that"),
        ("service_memory > 5 parrots", "service_memory is in bytes, as 512MB, not '5 parrots'"),
    ],
)
def test_a_near_miss_is_told_with_what_was_probably_meant(text: str, told: str) -> None:
    """A rule that silently never fires is worse than none."""
    with pytest.raises(IntertieError) as caught:
        compile_rule_text(text)

    assert str(caught.value).startswith(f"cannot read rule `{text}`: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ['error_rate{service="a"} > 5', "error_rate > 5% and cpu_usage > 90%", "service_up > -1"],
)
def test_a_word_within_promql_is_refused_with_its_promql(text: str) -> None:
    """There is no metric of that name: the rule would never fire."""
    with pytest.raises(IntertieError, match=r"is a word of short rules.*; in PromQL it is `"):
        compile_rule_text(text)


def test_a_metric_of_the_suite_is_no_misspelt_word() -> None:
    """Its owner may call it nearly as a word is called."""
    assert compile_rule_text("queue_lengths > 5", own={"queue_lengths"}).word is None


@pytest.mark.parametrize("name", sorted(WORDS))
def test_each_word_is_promql_told_apart_by_its_labels(name: str) -> None:
    """So that a rule about it can be evaluated, and its alerts can be told apart."""
    compile(f"{WORDS[name].promql} > 1")

    told = re.findall(r"by \((\w+)", WORDS[name].promql)
    assert set(told) <= set(WORDS[name].by)
