from pathlib import Path

import pytest

from intertie.errors import SuiteError
from intertie.monitor.declared import check
from intertie.suite import load

TEXT = """
suite: a
services: {web: {command: "true", port: auto}}
gateway: {count_statuses: true, routes: [{path: "/api/{id}", service: web}]}
monitoring:
  metrics: {revenue: {}}
  records: {"web:up": sum(up)}
  slo: {web: {route: "/api/{id}", objective: 99%}}
  templates: {short: {subject: "{{ count }} alerts"}}
  alerts:
    critical: ["error_rate > 5%"]
    rules: {Down: {expr: "up == 0"}}
    mute: {sundays: {schedule: "0 3 * * 0", duration: 1h}}
"""


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("error_rate > 5%", "eror_rate > 5%", "error_rate"),
        ("up == 0", "up == (", "suite.yaml:12:13: monitoring.alerts.rules.Down: cannot use query"),
        ("0 3 * * 0", "0 3 * *", "suite.yaml:13:12: monitoring.alerts.mute.sundays"),
        ("0 3 * * 0", "0 3 30 2 *", "monitoring.alerts.mute.sundays"),
        (
            "count }}",
            "cuont }}",
            "suite.yaml:9:23: monitoring.templates.short.subject: cannot fill",
        ),
        ("count }}", "count }", "monitoring.templates.short.subject: cannot read this template"),
        ("sum(up)", "sum(", "monitoring.records.web:up: cannot record web:up: cannot use query"),
        ("sum(up)", "web:up + 1", "web:up reads web:up: one of them must be computed from"),
        ('"web:up": sum', "revenue: sum", "`monitoring.metrics` has a figure of that name"),
        ('{route: "/api/{id}"', '{route: "/api/{i}"', "monitoring.slo.web.route: cannot count"),
        ('{route: "/api/{id}"', '{route: "/api/{i}"', "did you mean `/api/{id}`?"),
        ("count_statuses: true", "count_statuses: false", "`gateway.count_statuses` is off"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(
    tmp_path: Path, good: str, bad: str, told: str
) -> None:
    """Before anything starts."""
    file = tmp_path / "suite.yaml"
    file.write_text(TEXT)
    check(load(file))
    file.write_text(TEXT.replace(good, bad))

    with pytest.raises(SuiteError) as caught:
        check(load(file))

    assert told in str(caught.value)
