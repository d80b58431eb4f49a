"""`alerts`, on a running suite and on a file."""

import json
from collections.abc import Iterator
from typing import get_args

import click
import pytest

from intertie.cli.alerts import alerts
from intertie.monitor.channels.port import Kind
from tests.app.monitored import Site, monitored
from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = pytest.mark.slow
TEMPLATES = """
suite: a
services: {web: {command: "true"}}
monitoring:
  templates:
    short:
      subject: "shop: {{ status }}"
      text: |
        {% for alert in firing %}
        {{ alert.name }} of {{ alert.labels.service }}
        {% else %}
        all is well
        {% endfor %}
"""
FILE = """
groups:
  - name: disks
    rules:
      - {alert: Full, expr: free_bytes < 5, for: 5m, labels: {severity: critical}}
      - {record: a:b, expr: sum(free_bytes)}
"""


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite with something alarming."""
    with monitored(tmp_path_factory.mktemp("alerts")) as made:
        made.bench.ok("bus", "publish", "orders.a", '{"order": {"total": 150}, "shop": "east"}')
        made.hook.about("Rich")
        until(lambda: "sent" in made.bench.ok("alerts", "notices").out)
        yield made


def test_what_fires_is_listed_explained_and_told(rich: Site) -> None:
    """With the rule as written, what it gives now, and who was told."""
    listed = rich.bench("alerts", "list")
    explained = rich.bench.ok("alerts", "explain", "Rich").out
    short = rich.bench.ok("alerts", "explain", "ErrorRateCritical").out
    notices = rich.bench.ok("alerts", "notices").out
    unknown = rich.bench("alerts", "explain", "Poor")

    assert listed.code == 1
    assert "firing  warning   Rich" in listed.out
    assert "revenue > 100" in explained
    assert "shop=east is 150" in explained
    assert "error_rate > 5%" in short
    assert "as PromQL" in short
    assert "first  hook     sent" in notices
    assert unknown.code == 1
    assert "known are" in unknown.err


def test_somebody_looks_after_it(rich: Site) -> None:
    """An acknowledgement is somebody's, and of something that is told."""
    rich.bench.ok("alerts", "ack", "Rich", "--comment", "counting it", "--for", "1h")
    until(lambda: "counting it" in rich.bench.ok("alerts", "explain", "Rich").out)
    nothing = rich.bench("alerts", "ack", "Poor", "--comment", "x")

    assert nothing.code == 1
    assert "nobody is told of such a one" in nothing.err


def test_a_silence_holds_alerts_back_until_it_is_ended(rich: Site) -> None:
    """By labels; it needs a comment and an end."""
    made = rich.bench.ok(
        "alerts", "silence", "alertname=Rich", "--for", "1h", "--comment", "known", "--json"
    ).json()
    until(lambda: "not told (silence)" in rich.bench.ok("alerts", "explain", "Rich").out)
    listed = rich.bench.ok("alerts", "silences").out
    rich.bench.ok("alerts", "unsilence", made["id"])
    until(lambda: "not told (silence)" not in rich.bench.ok("alerts", "explain", "Rich").out)
    wrong = rich.bench("alerts", "silence", "Rich", "--for", "1h", "--comment", "x")

    assert "alertname=Rich" in listed
    assert "known" in listed
    assert made["created_by"]
    assert rich.bench.ok("alerts", "silences", "--json").json() == []
    assert wrong.code == 1


def test_tests_of_rules_run_without_a_suite(rich: Site) -> None:
    """In virtual time; the exit code says whether all is as expected."""
    good = rich.bench.ok("alerts", "test").out
    text = (rich.bench.folder / "suite.yaml").read_text()
    rich.bench.write(text.replace("90 101", "90 99"), "other.yaml")
    bad = rich.bench("alerts", "test", "--file", "other.yaml")

    assert "1 tests of rules, 0 failed" in good
    assert bad.code == 1
    assert "1 failed" in bad.out
    assert "Rich" in bad.out


def test_a_template_is_seen_before_anybody_gets_it(bench: Bench) -> None:
    """Without a suite that runs; a faulty one is told with its place."""
    bench.write(TEMPLATES)
    shown = bench.ok("alerts", "preview", "short").out
    over = bench.ok("alerts", "preview", "short", "--kind", "resolved", "--json").out
    gone = bench("alerts", "preview", "shrot")
    bench.write(TEMPLATES.replace("alert.name", "alert.what"))
    faulty = bench("check")

    assert shown == "shop: firing\n\nHighErrorRate of catalog\nHighErrorRate of player\n"
    assert json.loads(over) == {"subject": "shop: resolved", "text": "all is well\n"}
    assert gone.code == 1
    assert "did you mean `short`?" in gone.err
    assert faulty.code == 2
    assert "suite.yaml:8:" in faulty.err
    assert "monitoring.templates.short.text: cannot fill in this template" in faulty.err
    assert "'what'" in faulty.err


def test_each_kind_of_notice_can_be_previewed() -> None:
    """None that came later is left out."""
    [kind] = [each for each in alerts.commands["preview"].params if each.name == "kind"]

    assert isinstance(kind.type, click.Choice)
    assert tuple(kind.type.choices) == get_args(Kind)


def test_rules_go_to_prometheus_and_come_from_there(rich: Site, bench: Bench) -> None:
    """What the other cannot say is told as a comment."""
    exported = rich.bench.ok("alerts", "export").out
    told = rich.bench.ok("alerts", "export", "--as", "alertmanager").out
    tests = rich.bench.ok("alerts", "export", "--as", "promtool", "--rule-file", "mine.yaml").out
    bench.write(FILE, "rules.yml")
    imported = bench.ok("alerts", "import", "rules.yml").out

    assert "alert: Rich" in exported
    assert "repeat_interval" in told
    assert "mine.yaml" in tests
    assert "name: much money" in tests
    assert "s" * 32 not in told
    assert "Full:" in imported
    assert "expr: free_bytes < 5" in imported
    assert "a:b" in imported
