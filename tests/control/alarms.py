"""A rota, a rule about boxes, and a desk, in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from anyio import sleep

from intertie.control.on_call import Alarms
from intertie.monitor.alerting import Alerting
from intertie.monitor.desk import AlertDesk
from intertie.monitor.ring import Ring
from intertie.monitor.rules import rules_of
from intertie.monitor.sample import Sample, Series
from intertie.monitor.sender import Sender
from intertie.suite.monitoring import Monitoring

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
CONFIG = Monitoring.model_validate(
    {
        "channels": {
            name: {"kind": "slack", "url": "x"} for name in ("desk", "ann_phone", "ben_phone")
        },
        "alerts": {"rules": {"Full": {"expr": "boxes > 3", "severity": "critical"}}},
        "on_call": {
            "crew": {
                "timezone": "Europe/Berlin",
                "people": {
                    "ann": {"channels": "ann_phone", "name": "Ann A."},
                    "ben": {"channels": "ben_phone"},
                },
                "layers": {"primary": {"people": ["ann", "ben"], "since": "2026-06-29"}},
            }
        },
        "alert_integration": {"channels": "desk", "escalate_to": "crew"},
    }
)


@asynccontextmanager
async def alarms(folder: Path, boxes: float) -> AsyncIterator[Alarms]:
    """That many boxes were seen now."""
    at_ms = round(NOW.timestamp() * 1000)
    rng = Random(1)  # noqa: S311 — spreads tries
    ring = Ring(3_600_000)
    ring.append(at_ms, [Sample(Series("boxes"), boxes)])
    async with AlertDesk.open(folder / "alerts.db") as desk:
        alerting = Alerting(
            CONFIG,
            rules_of(CONFIG.alerts),
            source=ring,
            desk=desk,
            sender=Sender({}, fallback=(), sleep=sleep, now=lambda: NOW, rng=rng),
            publish=lambda *_: None,
            now=lambda: NOW,
        )
        await alerting.evaluate(at_ms)
        yield Alarms(CONFIG, alerting, desk)
