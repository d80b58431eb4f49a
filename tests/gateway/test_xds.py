"""Small forms that translations share."""

from intertie.gateway.xds import percent, plain, seconds


def test_durations_are_written_as_envoy_reads_them() -> None:
    """No exponent, no needless zeros."""
    assert [seconds(each) for each in (0, 0.001, 1.5, 30, 86400)] == [
        "0s", "0.001s", "1.5s", "30s", "86400s",
    ]  # fmt: skip


def test_parts_are_exact_to_a_ten_thousandth_of_a_percent() -> None:
    """Half a percent is not rounded to none."""
    assert percent(0.5) == {"numerator": 5000, "denominator": "MILLION"}
    assert percent(100)["numerator"] == 1_000_000


def test_text_is_no_command() -> None:
    """Envoy writes one percent sign for two."""
    assert plain("%REQ(authorization)%") == "%%REQ(authorization)%%"
