"""Proposals as a diff of the suite file."""

from pathlib import Path
from subprocess import run

from ruamel.yaml import YAML

from intertie.monitor.quality import Proposal
from intertie.monitor.quality_patch import fits, patch

FILE = """\
suite: shop   # ours
monitoring:
  alerts:
    critical: ["error_rate > 5%"]
    rules:
      Down: {expr: "up == 0", severity: critical}  # by hand
      Slow:
        # kept
        expr: response_time_p95 > 1s
        for: 1m
  channels: {}
"""
WANTED = {
    "Down": [Proposal("severity", "warning", "x"), Proposal("for", "5m", "x")],
    "Slow": [Proposal("for", "5m", "x"), Proposal("keep_firing_for", "10m", "x")],
    "ErrorRateCritical": [Proposal("for", "5m", "x")],
}


def test_the_diff_changes_just_what_is_proposed(tmp_path: Path) -> None:
    """The usual program applies it; comments and the rest stay."""
    (tmp_path / "suite.yaml").write_text(FILE)

    diff = patch(FILE, "suite.yaml", WANTED)
    done = run(
        ["patch", "-p1"], input=diff, text=True, cwd=tmp_path, check=False, capture_output=True
    )

    assert done.returncode == 0, done.stdout
    text = (tmp_path / "suite.yaml").read_text()
    rules = YAML(typ="safe").load(text)["monitoring"]["alerts"]["rules"]
    assert rules["Down"] == {"expr": "up == 0", "severity": "warning", "for": "5m"}
    assert rules["Slow"] == {
        "expr": "response_time_p95 > 1s",
        "for": "5m",
        "keep_firing_for": "10m",
    }
    assert "# by hand" in text
    assert "# kept" in text
    assert "channels: {}" in text


def test_a_rule_without_a_name_in_the_file_is_left_out() -> None:
    """Short rules have no keys."""
    assert patch(FILE, "suite.yaml", {"ErrorRateCritical": WANTED["Down"]}) == ""
    assert not fits(FILE, "ErrorRateCritical")
    assert fits(FILE, "Down")
