"""The status page: names are text, bars are days, bad minutes are not rounded away."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from intertie.monitor.status_page import (
    Counted,
    OpenIncident,
    ServiceStatus,
    StatusReport,
    service_status,
)
from intertie.monitor.status_page_html import POLICY, page, percent
from intertie.runtime.component import Status

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVIL = "<script>alert(1)</script>"


def report(*services: ServiceStatus, incidents: tuple[OpenIncident, ...] = ()) -> StatusReport:
    """Of some services."""
    return StatusReport(EVIL, Status.DEGRADED, NOW, services, incidents)


def test_there_is_a_bar_for_each_day_in_the_colour_of_its_share() -> None:
    """With the day and the share to be read."""
    shares = {0: 100, 1: 99.5, 2: 90}
    counted = {NOW.date() - timedelta(back): Counted(share, 100) for back, share in shares.items()}

    text = page(report(service_status("web", Status.UP, counted, NOW)))

    kinds = re.findall(r'<rect class="(\w+)"', text)
    assert kinds == ["none"] * 87 + ["bad", "warn", "good"]
    assert "<title>2026-11-20: 90% of 100 measurements</title>" in text
    assert "<title>2026-11-19: no data</title>" in text


def test_texts_of_the_suite_are_text() -> None:
    """Title and names become no element; no script could run."""
    name = service_status(EVIL, Status.DOWN, {}, NOW)

    text = page(report(name, incidents=(OpenIncident(EVIL, NOW), OpenIncident("db", None))))

    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 4
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert "script-src" not in POLICY


@pytest.mark.parametrize(
    ("value", "told"), [(100, "100%"), (99.999, "99.99%"), (0.0, "0%"), (None, "no data")]
)
def test_shares_are_rounded_down(value: float | None, told: str) -> None:
    """A day with a bad second is not a day of 100 %."""
    assert percent(value) == told


def test_open_incidents_say_who_and_since_when() -> None:
    """And nothing else; without any there is no such heading."""
    text = page(report(incidents=(OpenIncident("web", NOW), OpenIncident("db", None))))

    assert "<strong>web</strong>: not well since 2026-11-22 12:00 UTC</p>" in text
    assert "<strong>db</strong>: not well</p>" in text
    assert "Open incidents" not in page(report())
