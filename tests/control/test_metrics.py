"""Samples about the running suite."""

import os
from datetime import UTC, datetime

import pytest

from intertie.control.metrics import Metrics
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.suite.service import Service

pytestmark = pytest.mark.anyio


def snapshot(pid: int | None) -> Snapshot:
    """One service with one replica, which is this process or none."""
    state = State.RUNNING if pid else State.FAILED
    replica = Replica(
        "a", 0, state, pid=pid, port=1, since=datetime.now(UTC), restarts=3, reason=""
    )
    spec = Service.model_validate({"command": "true"})
    return Snapshot({"a": ServiceStatus("a", spec, (replica,))})


async def test_a_running_replica_has_its_usage() -> None:
    """Memory and CPU time are those of its main process."""
    flat = await Metrics(lambda: snapshot(os.getpid())).as_json()

    assert flat["intertie_service_up"] == {"a": 1.0}
    assert flat["intertie_replica_running"] == {"a/0": 1.0}
    assert flat["intertie_replica_restarts_total"] == {"a/0": 3.0}
    assert flat["intertie_replica_memory_bytes"]["a/0"] > 1_000_000
    assert flat["intertie_replica_cpu_seconds_total"]["a/0"] > 0


async def test_a_dead_replica_has_a_state_and_no_usage() -> None:
    """No number is made up for what does not run."""
    flat = await Metrics(lambda: snapshot(None)).as_json()

    assert flat["intertie_service_up"] == {"a": 0.0}
    assert "intertie_replica_memory_bytes" not in flat


async def test_the_text_names_type_and_help() -> None:
    """What a scraper wants to know of each sample."""
    text = (await Metrics(lambda: snapshot(None)).as_text()).decode()

    assert "# TYPE intertie_replica_restarts_total counter" in text
    assert "# HELP intertie_service_up" in text
    assert "intertie_daemon_process_resident_memory_bytes" in text


async def test_what_the_cache_did_is_counted() -> None:
    """Where there is one that answers; no number is made up for one that is away."""
    names = ("hits", "misses", "passed", "errors", "stored", "evicted", "bytes_from_store")
    counted = dict.fromkeys((*names, "answers", "bytes", "max_bytes"), 7)

    async def there() -> dict[str, int]:
        return counted

    async def away() -> dict[str, int]:
        return {}

    flat = await Metrics(lambda: snapshot(None), cache=there).as_json()
    none = await Metrics(lambda: snapshot(None), cache=away).as_json()

    assert flat["intertie_cache_hits_total"] == {"": 7.0}
    assert flat["intertie_cache_bytes"] == {"": 7.0}
    assert not [name for name in none if name.startswith("intertie_cache")]
