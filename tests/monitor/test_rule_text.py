import pytest

from intertie.errors import IntertieError
from intertie.monitor import rule_text


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("no hole", "no hole"),
        ("{{ $value }} at {{$labels.job}}", "0.05 at web"),
        ("{{- $labels.job -}}!", "web!"),
        ("[{{ $labels.nope }}]", "[]"),
        ('{{ printf "%.1f%% of it" $value }}', "0.1% of it"),
        ('{{ printf  "%.3e" $value }} {{ printf "%.1g" $value }}', "5.000e-02 0.05"),
        ("{{ $labels }}", "map[instance:a job:web]"),
    ],
)
def test_values_and_labels_are_filled_in(text: str, filled: str) -> None:
    """A label that is not there is an empty text."""
    rule_text.check(text)

    assert rule_text.fill(text, {"job": "web", "instance": "a"}, 0.05) == filled


@pytest.mark.parametrize(
    "text",
    [
        "{{ humanize $value }}",
        "{{ $value | humanize }}",
        "{{ .Value }}",
        '{{ printf "%d" $value }}',
        '{{ printf "%f %f" $value }}',
        "{{ if $value }}x{{ end }}",
    ],
)
def test_what_cannot_be_filled_in_is_refused_with_what_can(text: str) -> None:
    """Nobody should be paged with braces."""
    with pytest.raises(IntertieError, match=r"is not known; write \{\{ \$value \}\}"):
        rule_text.check(text)


def test_an_infinite_value_is_told_as_such_in_any_form() -> None:
    """As Prometheus does."""
    assert rule_text.fill('{{ printf "%.1f%%" $value }}', {}, float("inf")) == "+Inf%"


def test_an_open_brace_is_refused() -> None:
    """It is a slip of the pen."""
    with pytest.raises(IntertieError, match="has no `}}` after it"):
        rule_text.check("{{ $value }")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.5, "-0.5"),
        (1.0, "1"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123456.5, "123456.5"),
        (1e6, "1e+06"),
        (123456789.0, "1.23456789e+08"),
        (-1.5e-7, "-1.5e-07"),
        (1e100, "1e+100"),
        (0.1 + 0.2, "0.30000000000000004"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
    ],
)
def test_numbers_are_written_as_prometheus_writes_them(value: float, text: str) -> None:
    """So that tests of rules hold for both."""
    assert rule_text.number(value) == text
