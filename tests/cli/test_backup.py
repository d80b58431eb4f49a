"""`backup` and `restore`: from the suite to another folder and back to life."""

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from intertie.automation.backup.object_store import client_of
from tests.app.monitored import Site
from tests.app.scheduled import SUITE, scheduled
from tests.automation.backup.servers import bucket, mongodb
from tests.e2e.shop import until
from tests.harness import Bench
from tests.moto import moto

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite with one backup."""
    with scheduled(tmp_path_factory.mktemp("backup")) as made:
        made.bench.ok("backup", "run")
        yield made


def total(file: Path) -> int:
    """Of all orders."""
    connection = sqlite3.connect(file)
    try:
        (found,) = connection.execute("SELECT sum(total) FROM orders").fetchone()
    finally:
        connection.close()
    return int(found)


def test_a_backup_is_restored_as_it_was_without_a_daemon(site: Site, tmp_path: Path) -> None:
    """All of it, or one path; a folder with something in it is refused."""
    [kept, *_] = site.bench.ok("backup", "list", "--json").json()
    site.bench.ok("restore", "newest", "--to", str(tmp_path / "all"))
    site.bench.ok(
        "restore", kept["id"], "--to", str(tmp_path / "one"), "--path", "sources/data/notes.txt"
    )
    taken = site.bench("restore", "newest", "--to", str(tmp_path / "all"))
    unknown = site.bench("restore", "nothing", "--to", str(tmp_path / "none"))

    assert total(tmp_path / "all" / "sources" / "data" / "shop.db") == 4950
    assert [each.name for each in (tmp_path / "one").rglob("*") if each.is_file()] == ["notes.txt"]
    assert (taken.code, unknown.code) == (1, 1)
    assert "Traceback" not in taken.err + unknown.err


def test_a_drill_starts_the_service_on_what_was_restored(site: Site) -> None:
    """And measures how long that takes; only then is anything removed."""
    before = site.bench.ok("backup", "run").out
    (site.bench.folder / "started.txt").unlink()
    drill = site.bench.ok("backup", "drill", "--json").json()
    after = site.bench.ok("backup", "run").out

    assert '"findings": []' in drill["output"]
    assert '"rto_s"' in drill["output"]
    assert (site.bench.folder / "started.txt").read_text() == "remember the milk"
    assert "no restore has been practised yet" in before or "removed" in before
    assert "1 stay" in after
    assert not list((site.bench.state / "backup-work").iterdir())


def test_what_is_damaged_is_found(tmp_path: Path) -> None:
    """By reading it; the drill fails, and the exit code says so."""
    with scheduled(tmp_path) as site:
        site.bench.ok("backup", "run")
        [archive] = [e for e in (tmp_path / "kept").rglob("*") if e.stat().st_size > 1000]
        content = bytearray(archive.read_bytes())
        content[len(content) // 2] ^= 1
        archive.chmod(0o600)
        archive.write_bytes(content)

        verified = site.bench("backup", "verify")
        drill = site.bench("backup", "drill")

        assert (verified.code, drill.code) == (1, 1)


def test_a_restore_over_the_api_is_a_change(site: Site, tmp_path: Path) -> None:
    """Which can be followed; the folder's whole path must be given."""
    with site.bench.api() as api:
        [kept, *_] = api.get("/api/v1/backup").json()
        body = {"backup": kept["id"], "target": str(tmp_path / "here")}
        begun = api.post("/api/v1/restore", json=body)
        until(lambda: api.get(f"/api/changes/{begun.json()['id']}").json()["status"] == "done")
        near = api.post("/api/v1/restore", json={**body, "target": "here"})

    assert begun.status_code == 202
    assert near.status_code == 409
    assert (tmp_path / "here" / "sources" / "data" / "notes.txt").exists()


def test_the_state_of_a_running_suite_can_be_backed_up(tmp_path: Path) -> None:
    """Its own databases included, which are open."""
    head, _, _ = SUITE.partition("    sources:")
    with scheduled(tmp_path, head) as site:
        until(lambda: site.bench("metrics", "status").code == 0)
        site.bench.ok("backup", "run")
        site.bench.ok("backup", "drill")
        site.bench.ok("restore", "newest", "--to", str(tmp_path / "back"))

        names = {each.name for each in (tmp_path / "back").rglob("*")}
        assert {"intertie.db", "metrics.duckdb", "runs.db"} <= names


def test_a_suite_without_backups_says_so(bench: Bench) -> None:
    """In one line."""
    bench.write("suite: bare\nservices: {a: {command: sleep 1000}}\n")

    told = bench("backup", "list")

    assert told.code == 1
    assert "the suite has no `automation.backup`" in told.err


GROWING = """
suite: growing
api: {port: auto}
services: {a: {command: sleep 1000}}
automation:
  backup:
    schedule: "30 2 * * *"
    repository: kept
    append_only: true
    retention: {daily: 1, weekly: 0, monthly: 0}
    sources: {data: {kind: folder, path: data, tenant_part: "tenants/{tenant}"}}
"""


@pytest.fixture(scope="module")
def growing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A suite whose repository only grows; two backups, between which a tenant's data changed."""
    with scheduled(tmp_path_factory.mktemp("growing"), GROWING) as site:
        data = site.bench.folder / "data" / "tenants"
        for tenant in ("acme", "other"):
            (data / tenant).mkdir(parents=True)
            (data / tenant / "a.txt").write_text("before")
        site.bench.ok("backup", "run")
        for tenant in ("acme", "other"):
            (data / tenant / "a.txt").write_text("after it")
        (data / "acme" / "b.txt").write_text("new")
        site.bench.ok("backup", "run")
        site.bench.ok("backup", "drill")
        yield site.bench


def test_a_backup_of_a_time_is_restored(growing: Bench, tmp_path: Path) -> None:
    """The newest that is not after it."""
    newest, oldest = growing.ok("backup", "list", "--json").json()

    told = growing.ok(
        "restore", "--at", oldest["at"], "--to", str(tmp_path / "then"), "--json"
    ).json()
    early = growing("restore", "--at", "2020-01-01", "--to", str(tmp_path / "early"))
    wrong = growing("restore", "--at", "noon", "--to", str(tmp_path / "early"))

    assert told["backup"] == oldest["id"] != newest["id"]
    kept = tmp_path / "then" / "sources" / "data" / "tenants" / "acme"
    assert (kept / "a.txt").read_text() == "before"
    assert (early.code, wrong.code) == (1, 1)
    assert "there is none so old" in early.err
    assert "expected a time" in wrong.err


def test_one_tenant_is_restored_beside_with_what_changed_since(
    growing: Bench, tmp_path: Path
) -> None:
    """Nothing of another tenant's is written or told."""
    _, oldest = growing.ok("backup", "list", "--json").json()
    words = ("--tenant", "acme", "--diff", "--to")

    told = growing.ok("restore", oldest["id"], *words, str(tmp_path / "acme"))
    as_json = growing.ok("restore", oldest["id"], *words, str(tmp_path / "again"), "--json").json()
    nobody = growing("restore", oldest["id"], "--tenant", "no", "--to", str(tmp_path / "no"))

    assert "~ data: file tenants/acme/a.txt (6 bytes -> 8 bytes)" in told.out
    assert "+ data: file tenants/acme/b.txt (3 bytes)" in told.out
    assert "2 differences" in told.out
    assert [each["change"] for each in as_json["differences"]] == ["changed", "added"]
    assert not (tmp_path / "acme" / "sources" / "data" / "tenants" / "other").exists()
    assert nobody.code == 1


def test_two_backups_are_compared(growing: Bench) -> None:
    """From the older to the newer, without either being restored whole."""
    newest, oldest = growing.ok("backup", "list", "--json").json()

    found = growing.ok("backup", "diff", oldest["id"], newest["id"], "--json").json()
    same = growing.ok("backup", "diff", newest["id"])

    changes = {each["name"]: each["change"] for each in found}
    assert changes == {
        "tenants/acme/a.txt": "changed",
        "tenants/acme/b.txt": "added",
        "tenants/other/a.txt": "changed",
    }
    assert "nothing is different" in same.out


def test_a_repository_that_only_grows_is_pruned_with_its_key_only(tmp_path: Path) -> None:
    """Its files are read-only; no backup of the suite removes any."""
    (tmp_path / "wrong").write_text("wrong")
    with scheduled(tmp_path, GROWING) as site:
        bench = site.bench
        bench.ok("backup", "run")
        bench.ok("backup", "drill")
        report = bench.ok("backup", "run").out
        without = bench("backup", "prune")
        (tmp_path / "key").write_text(bench.ok("backup", "prune-key").out)
        refused = bench("backup", "prune", "--key-file", str(tmp_path / "wrong"))
        before = list((tmp_path / "kept").glob("*.age"))
        words = ("backup", "prune", "--key-file", str(tmp_path / "key"), "--json")
        removed = bench.ok(*words).json()

    archives = list((tmp_path / "kept").glob("*.age"))
    assert "the repository only grows" in report
    assert (without.code, refused.code) == (1, 1)
    assert "it has no key yet" in without.err
    assert "that is not its key" in refused.err
    assert (len(before), len(removed), len(archives)) == (2, 1, 1)
    assert all(each.stat().st_mode & 0o222 == 0 for each in before if each.exists())


SERVERS = """
suite: servers
api: {port: auto}
services: {a: {command: sleep 1000}}
monitoring:
  metrics_collection: {interval: 1}
automation:
  backup:
    schedule: "30 2 * * *"
    repository: kept
    pause_services: [a]
    sources:
      media:
        kind: s3
        bucket: BUCKET
        endpoint: STORE
        access_key: "${secret:media_id}"
        secret_key: "${secret:media_key}"
        tenant_part: "{tenant}/"
      shop: {kind: mongodb, url: "${secret:shop_url}", tenant_part: "shop_{tenant}"}
"""


def test_buckets_and_mongodbs_are_backed_up_and_brought_back(tmp_path: Path) -> None:
    """All services standing still meanwhile; a tenant's part goes to another place."""
    with (
        moto() as store,
        mongodb(tmp_path / "mongodb") as server,
        MongoClient[Any](server) as docs,
        ExitStack() as opened,
    ):
        here, there = bucket(store, versioned=True), bucket(store)
        client = client_of(here)
        opened.callback(client.close)
        for key in ("acme/a.txt", "other/b.txt"):
            client.put_object(Bucket=here.name, Key=key, Body=key.encode())
        for tenant in ("acme", "other"):
            docs[f"shop_{tenant}"]["orders"].insert_one({"of": tenant})
        secrets = tmp_path / ".intertie" / "secrets"
        secrets.mkdir(parents=True)
        for name, text in (
            ("media_id", here.access_key),
            ("media_key", here.secret_key),
            ("shop_url", server),
        ):
            (secrets / name).write_text(text or "")
            (secrets / name).chmod(0o600)
        suite = SERVERS.replace("BUCKET", here.name).replace("STORE", store)
        with scheduled(tmp_path, suite) as site:
            taken = site.bench.ok("backup", "run", "--json").json()
            drill = site.bench.ok("backup", "drill", "--json").json()
            client.put_object(Bucket=here.name, Key="acme/new", Body=b"new")
            part = ("restore", "--tenant", "acme", "--to")
            since = site.bench.ok(*part, str(tmp_path / "one"), "--diff").out
            into = f"s3://{there.name}/side/"
            site.bench.ok(*part, str(tmp_path / "two"), "--source", "media", "--into", into)
            side = f"{server}shop_side"
            site.bench.ok(*part, str(tmp_path / "three"), "--source", "shop", "--into", side)
            shown = site.bench.ok("metrics", "query", "intertie_backup_barrier_seconds").out

        keys = [each["Key"] for each in client.list_objects_v2(Bucket=there.name)["Contents"]]
        report = json.loads(taken["output"])
        assert keys == ["side/acme/a.txt"]
        assert [each["of"] for each in docs["shop_side"]["orders"].find()] == ["acme"]
        assert (report["barrier"]["services"], report["barrier"]["partial"]) == (["a"], False)
        assert json.loads(drill["output"])["findings"] == []
        assert "+ media: object acme/new (3 bytes)" in since
        assert "1 differences" in since
        assert "task" in shown
        assert (here.secret_key or "") not in taken["output"] + since


SILENT = """
suite: silent
api: {port: auto}
orphans: adopt
services: {writer: {command: sleep 1000}}
automation:
  backup:
    schedule: "30 2 * * *"
    repository: kept
    pause_services: writer
    barrier: 60s
    retry: {attempts: 1}
    sources: {cache: {kind: redis, url: "redis://127.0.0.1:PORT"}}
"""


def test_a_daemon_that_is_killed_leaves_nobody_paused(tmp_path: Path) -> None:
    """Killed while a service stands still: the service goes on, also after the next start."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        suite = SILENT.replace("PORT", str(silent.getsockname()[1]))
        with scheduled(tmp_path, suite) as site:
            bench = site.bench
            [service] = bench.ok("ps", "--json").json()
            writer = psutil.Process(service["replicas"][0]["pid"])
            with bench.api() as api:
                api.post("/api/v1/backup")
                until(lambda: writer.status() == psutil.STATUS_STOPPED)
                psutil.Process(bench.daemon()["pid"]).kill()
            until(lambda: writer.status() != psutil.STATUS_STOPPED)
            writer.suspend()  # as if the helper had been killed too
            until(lambda: writer.status() == psutil.STATUS_STOPPED)
            left = (bench.state / "paused").read_text()
            bench.ok("up", "--detach")
            until(lambda: writer.status() != psutil.STATUS_STOPPED)

            assert left.startswith(f"{writer.pid} ")
            assert not (bench.state / "paused").exists()
