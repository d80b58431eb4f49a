"""The whole REST API against its own description, by a program that makes requests from it.

For hours: `INTERTIE_EXAMPLES=1000 python -m pytest tests/api/test_schemathesis.py`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench

EXAMPLES = int(os.environ.get("INTERTIE_EXAMPLES", "10"))
S_AN_EXAMPLE = 4
SUITE = """
suite: fuzzed
api: {port: auto}
services:
  echo: {command: "sh -c 'echo hello; exec sleep 1000'"}
  typed: {command: cat, tty: true}
bus: {topics: {asset.made: {}}}
monitoring: {metrics_collection: {interval: 1}, metrics: {revenue: {}}}
automation: {tasks: {night: {command: "true", schedule: "0 2 * * *"}}}
"""
# What is too long may also be refused before it is read (413).
CONFIG = """
[parameters]
"query.follow" = false

[checks]
negative_data_rejection.expected-statuses = ["4xx"]
""" + "".join(
    f"""
[[operations]]
include-name = "{name}"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"""
    for name in (
        # Languages that no schema describes: regular expressions, PromQL.
        "GET /api/logs",
        "GET /api/logs/search",
        "GET /api/monitoring/summaries",
        "POST /api/alerts/silences",
    )
)
SHUTDOWN = "/api/shutdown"
ENDLESS = "/api/services/{name}/terminal"
ENDLESS_TOO = "GET /api/bus/messages"


@pytest.fixture
def fuzzed(tmp_path: Path) -> Iterator[Bench]:
    """A suite that bears what is done to it."""
    with open_bench(tmp_path) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made


@pytest.mark.slow
@pytest.mark.timeout(200 + 40 * EXAMPLES)
def test_answers_are_as_described_whatever_is_asked(fuzzed: Bench, tmp_path: Path) -> None:
    """No server error, no undescribed answer, no wrong input taken, no right input refused.

    Each operation is tried, however long that takes; then chains of them, for a while.
    """
    (tmp_path / "schemathesis.toml").write_text(CONFIG)

    alone = run(fuzzed, tmp_path, "examples,coverage,fuzzing")
    chained = run(fuzzed, tmp_path, "stateful", "--max-time", str(S_AN_EXAMPLE * EXAMPLES))

    assert alone.returncode == 0, alone.stdout[-12_000:] + alone.stderr[-2_000:]
    assert chained.returncode == 0, chained.stdout[-12_000:] + chained.stderr[-2_000:]
    counts = dict(re.findall(r"(Selected|Tested): ([0-9]+)", alone.stdout))
    assert counts["Tested"] == counts["Selected"]
    assert fuzzed.service("echo")["replicas"]


def run(fuzzed: Bench, folder: Path, phases: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Against all but what ends the suite or never ends itself."""
    key = (fuzzed.state / "run" / "api.token").read_text()
    command = [sys.executable, "-m", "schemathesis.cli", "run"]
    command += [f"{fuzzed.daemon()['api_url']}/openapi.json"]
    command += ["-H", f"Authorization: Bearer {key}", "--checks", "all"]
    command += ["--exclude-path", SHUTDOWN, "--exclude-path", ENDLESS]
    command += ["--exclude-name", ENDLESS_TOO]
    command += ["-n", str(EXAMPLES), "--phases", phases]
    command += ["--continue-on-failure", "--request-timeout", "20", "--no-color"]
    command += ["--suppress-health-check", "all", *more]
    if "CI" in os.environ:  # as Hypothesis does: what a gate tells is told of the change
        command += ["--generation-deterministic"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
