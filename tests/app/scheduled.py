"""A running suite with tasks, backups, and somebody who is told."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.app.monitored import Hook, Site
from tests.e2e.shop import until
from tests.harness import bench as open_bench

SUITE = """
suite: scheduled
api: {port: auto}
services:
  shop:
    command: |
      sh -c 'cat $INTERTIE_DATA/notes.txt > part 2>/dev/null; mv part started.txt; exec sleep 1000'
    healthcheck: {test: "test -e started.txt", interval: 200ms}
monitoring:
  metrics_collection: {interval: 1}
  channels: {hook: {kind: webhook, url: "HOOK"}}
automation:
  tasks:
    hello:
      command: echo hello from $(INTERTIE_SUITE)
      schedule: "0 0 1 1 *"
      notifications: {success: hook, failure: hook}
    broken:
      command: sh -c 'echo why >&2; exit 3'
      schedule: "0 3 1 1 *"
      retry: {attempts: 2, delay: 10ms}
      notifications: {success: hook, failure: hook}
    long: {command: sleep 1000, schedule: "0 4 1 1 *"}
  backup:
    timezone: Europe/Berlin
    schedule: "30 2 * * *"
    repository: kept
    sources: {data: {kind: folder, path: data, service: shop}}
    notifications: {success: hook, failure: hook}
"""


@contextmanager
def scheduled(folder: Path, suite: str = SUITE) -> Iterator[Site]:
    """Its tasks are seen to; nothing has run yet."""
    data = folder / "data"
    data.mkdir()
    (data / "notes.txt").write_text("remember the milk")
    with sqlite3.connect(data / "shop.db") as file:
        file.execute("CREATE TABLE orders (total)")
        file.executemany("INSERT INTO orders VALUES (?)", [(n,) for n in range(100)])
    file.close()
    hook = Hook()
    try:
        with open_bench(folder) as made:
            made.write(suite.replace("HOOK", hook.url))
            made.ok("up", "--detach")
            until(lambda: made("schedule", "list").code == 0)
            until(lambda: made("health").code == 0)
            yield Site(made, hook)
    finally:
        hook.close()
