"""A running suite sends its samples on to a real Prometheus."""

import time
from pathlib import Path

import pytest

from tests.app.monitored import SUITE, monitored
from tests.e2e.shop import until
from tests.monitor.peers import Prometheus

pytestmark = pytest.mark.slow


def test_a_suite_sends_its_samples_on(tmp_path: Path) -> None:
    """Those that were chosen, and what is counted of it; a receiver that is away is told."""
    (tmp_path / "peer").mkdir()
    prometheus = Prometheus(tmp_path / "peer")
    remote = f"""  remote_write:
    peer:
      url: {prometheus.url}/api/v1/write
      headers: {{Authorization: "Bearer ${{secret:hook}}"}}
      only: [pages_printed, '{{__name__=~"intertie_remote.*"}}']
"""
    (tmp_path / "suite").mkdir()
    with (
        prometheus.running("--web.enable-remote-write-receiver"),
        monitored(tmp_path / "suite", SUITE + remote) as site,
    ):
        until(lambda: bool(prometheus.query("pages_printed", time.time())))
        until(
            lambda: bool(
                prometheus.query("intertie_remote_write_sent_samples_total > 0", time.time())
            )
        )
        names = prometheus.query('group by (__name__) ({__name__=~".+"})', time.time())
        sent = site.value('intertie_remote_write_sent_samples_total{to="peer"}')

    assert all(
        dict(each)["__name__"].startswith(("pages_printed", "intertie_remote")) for each in names
    )
    assert sent
