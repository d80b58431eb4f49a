"""The bus benchmark's table: what is compared with what."""

from benchmarks.bus.table import markdown

_ROUNDS = {
    "raw": [{"consume_per_s": value, "latency_p50_us": 100.0} for value in (900.0, 1000.0, 5000.0)],
    "port": [{"consume_per_s": 800.0, "latency_p50_us": 250.0}],
    "faststream": [],
}


def test_others_are_compared_with_the_raw_clients_median() -> None:
    """A rate is told as a share of the median, a latency by what it is more."""
    assert markdown({"nats": _ROUNDS}).splitlines() == [
        "|  | raw | faststream | port |",
        "| --- | --- | --- | --- |",
        "| nats: consume, messages/s | 1,000 | – | 800 (0.80) |",
        "| nats: end to end p50, µs | 100 | – | 250 (+150) |",  # noqa: RUF001
    ]


def test_without_the_raw_client_figures_stand_alone() -> None:
    """Nothing is compared with a contestant that did not finish."""
    only_port = {"raw": [], "port": _ROUNDS["port"]}
    assert "| nats: consume, messages/s | – | 800 |" in markdown({"nats": only_port})
