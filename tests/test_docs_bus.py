"""The examples of docs/bus.md and docs/integration-methods.md work as they are printed there."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import click
import httpx
import pytest
from anyio import create_task_group, sleep, to_thread

from intertie.bus import QueueConfig
from intertie.bus.port import MAX_BODY_BYTES, Capabilities
from intertie.cli.main import cli
from intertie.suite import load
from tests.bus.peers.server import Broker, free_port
from tests.bus.peers.valkey import valkey
from tests.harness import Bench
from tests.harness import bench as open_bench
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).resolve().parent.parent / "docs"
BUS, METHODS = ((DOCS / name).read_text() for name in ("bus.md", "integration-methods.md"))


def blocks(page: str, language: str) -> list[str]:
    """The page's examples in a language."""
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def programs(page: str) -> dict[str, str]:
    """Its Python, by the name of the file in the first line."""
    return {text.partition("\n")[0].removeprefix("# "): text for text in blocks(page, "python")}


def suites(page: str) -> list[str]:
    """Its suite files."""
    return [text for text in blocks(page, "yaml") if text.startswith("suite:")]


ENGINES = {
    "embedded, redis": "redis",
    "redis, `mode: pubsub`": "redis_pubsub",
    "rabbitmq": "rabbitmq",
    "kafka": "kafka",
    "nats": "nats",
    "memory": "memory",
}


def test_every_program_is_run_below() -> None:
    """A new example needs a new test."""
    assert set(programs(BUS)) == {"mailer.py", "stock.py", "outside.py"}
    assert set(programs(METHODS)) == {
        "run_suite.py",
        "other_system.py",
        "engines.py",
        "plugins/my_plugin.py",
        "all_three.py",
    }


@pytest.mark.parametrize("text", suites(BUS) + suites(METHODS))
def test_every_suite_file_loads(tmp_path: Path, text: str) -> None:
    """With the programs it names beside it, and the secrets it refers to not yet there."""
    for program in re.findall(r"\./([a-z-]+)", text):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    (tmp_path / "suite.yaml").write_text(text)

    assert load(tmp_path / "suite.yaml", env={}).suite.services


@pytest.mark.parametrize("engine", ENGINES)
def test_the_table_of_engines_is_what_the_code_declares(engine: str) -> None:
    """Each capability under its own name."""
    names = [each.name.replace("_", " ") for each in fields(Capabilities)]
    able: Capabilities = import_module(f"intertie.bus.{ENGINES[engine]}").CAPABILITIES
    cells = ["yes" if getattr(able, each.name) else "no" for each in fields(Capabilities)]

    assert f"| engine | {' | '.join(names)} |\n" in BUS
    assert f"| {engine} | {' | '.join(cells)} |\n" in BUS


def test_the_numbers_are_those_of_the_code() -> None:
    """The largest message, and how often one is tried."""
    assert f"at most {MAX_BODY_BYTES:,} bytes" in BUS
    assert f"after `max_tries` ({QueueConfig().max_tries})" in BUS


def test_every_command_named_is_there() -> None:
    """Also those of tables."""
    for line in re.findall(r"`intertie ([a-z ]+)", BUS + METHODS):
        command: click.Command | None = cli
        for word in line.split():
            assert isinstance(command, click.Group), line
            command = command.get_command(click.Context(command), word)
            assert command is not None, line


@pytest.mark.parametrize("path", re.findall(r"`(?:GET|POST|DELETE) (/api/[^`]*)`", BUS))
def test_every_route_named_is_there(path: str) -> None:
    """GROUP and ID stand for what is asked for."""
    named = path.partition("?")[0].replace("GROUP", "{group}").replace("ID", "{id}")

    assert f'"{named}"' in (DOCS.parent / "schemas" / "openapi.json").read_text()


def clean() -> dict[str, str]:
    """A user's environment, with `intertie` in it."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("INTERTIE")}
    return {**found, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def script(bench: Bench, text: str) -> str:
    """What a shell prints for it; no command of it may fail."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=bench.folder,
        env=clean(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def running(bench: Bench, text: str) -> Iterator["subprocess.Popen[str]"]:
    """A user's program in the suite's folder; it ends well when Enter is pressed, at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", text],
        cwd=bench.folder,
        env=clean(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


async def line(process: "subprocess.Popen[str]") -> str:
    """The next one it prints."""
    assert process.stdout is not None
    return (await to_thread.run_sync(process.stdout.readline)).strip()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The page's first suite with its two services, not yet started."""
    with open_bench(tmp_path_factory.mktemp("shop")) as made:
        made.write(f"{suites(BUS)[0]}api: {{port: auto}}\n")
        for name, text in programs(BUS).items():
            made.write(text, name)
        yield made


@pytest.mark.slow
async def test_the_bus_works_as_the_page_says(shop: Bench) -> None:
    """The commands in their order, the services, the tail, the program outside, the commands."""
    first, tail, control = blocks(BUS, "sh")
    before, _, replayed = first.partition("intertie bus groups")

    script(shop, before)
    await eventually(lambda: "mail sent" in shop.ok("logs", "mailer").out, 60)
    await eventually(lambda: "no such order" in shop.ok("bus", "dead", "list").out, 60)
    shown = script(shop, f"intertie bus groups{replayed}")
    assert "there is no such order" in shown
    assert all(word in shown for word in ("mailer", "stock", "replayed 1", "service_started"))

    async with create_task_group() as group:
        group.start_soon(publish_until_cancelled, shop)
        assert "order.placed" in await to_thread.run_sync(script, shop, tail)
        group.cancel_scope.cancel()

    await eventually(
        lambda: is_idle(shop), 60
    )  # the program outside hears of no order before its own
    assert "reserved for order 8" in await to_thread.run_sync(script, shop, "python3 outside.py")

    script(shop, control)
    await eventually(lambda: "idempotency_key=deploy-7" in shop.ok("events").out, 60)
    assert shop.ok("events").out.count("idempotency_key=deploy-7") == 1


def is_idle(shop: Bench) -> bool:
    """Whether its services have dealt with every order."""
    groups = shop.ok("bus", "groups", "--json").json()
    return not any(each["lag"] or each["pending"] for each in groups)


async def publish_until_cancelled(shop: Bench) -> None:
    """Somebody else's orders: who tails hears of those that come after."""
    while True:
        await to_thread.run_sync(shop.ok, "bus", "publish", "order.placed", '{"id": 9}')
        await sleep(0.2)


@pytest.mark.slow
def test_the_rest_examples_work_as_pasted(bench: Bench) -> None:
    """On a free port instead of 8080."""
    port = str(free_port())
    bench.write(f"{suites(METHODS)[0]}api: {{port: {port}}}\n")
    (text,) = blocks(METHODS, "sh")

    shown = script(bench, text.replace("8080", port))

    assert '"restart' in shown
    assert "intertie_" in shown


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """A Redis that asks for no password, as in the examples."""
    folder = tmp_path / "valkey"
    folder.mkdir()
    async with valkey(folder, password=None) as made:
        yield made


@pytest.fixture
def methods(tmp_path: Path) -> Iterator[Bench]:
    """The suite that the examples share."""
    (tmp_path / "suite").mkdir()
    with open_bench(tmp_path / "suite") as made:
        made.write(f"{suites(METHODS)[0]}api: {{port: auto}}\n")
        yield made


@pytest.mark.slow
async def test_a_suite_obeys_another_system_over_a_queue(methods: Bench, broker: Broker) -> None:
    """Each in a program of its own."""
    own, other = (
        programs(METHODS)[name].replace("6379", str(broker.config.port))
        for name in ("run_suite.py", "other_system.py")
    )
    with running(methods, own) as suite:
        assert await line(suite) == "Enter ends it."
        with running(methods, other) as system:
            said = {await line(system) for _ in range(3)}

    assert said == {"started: backend", "started: frontend", "start done"}


def test_every_engine_is_a_configuration() -> None:
    """None of the six is refused."""
    found: dict[str, list[QueueConfig]] = {}
    exec(compile(programs(METHODS)["engines.py"], "engines.py", "exec"), found)  # noqa: S102 - what is tested

    assert len(found["engines"]) == 6


@pytest.mark.slow
async def test_a_daemon_has_all_three_with_no_program(methods: Bench) -> None:
    """A line in the suite file, and a file in plugins/."""
    methods.write(f"{suites(METHODS)[0]}api: {{port: auto}}\nbus: {{}}\n")
    put_plugin(methods)
    methods.ok("plugins", "check")
    methods.ok("up", "--detach")
    methods.ok("bus", "publish", "suite.control.restart", '{"services": ["backend"]}')

    with methods.api() as api:
        await eventually(lambda: "my_starts" in api.get("/metrics").text, 60)


@pytest.mark.slow
async def test_all_three_in_one_program(methods: Bench, broker: Broker) -> None:
    """A command by the queue calls the plugin, whose number is at the API."""
    put_plugin(methods)
    port = str(broker.config.port)
    with running(methods, programs(METHODS)["all_three.py"].replace("6379", port)) as all_three:
        assert await line(all_three) == "Enter ends it."
        with running(methods, programs(METHODS)["other_system.py"].replace("6379", port)) as other:
            assert "started: backend" in {await line(other) for _ in range(3)}
        for _ in range(2):
            assert "started as" in await line(all_three)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            metrics = await client.get(f"{methods.daemon()['api_url']}/metrics")

    assert re.search(r"my_starts\S* 2", metrics.text)


def put_plugin(bench: Bench) -> None:
    """The page's plugin, where it says."""
    (bench.folder / "plugins").mkdir()
    bench.write(programs(METHODS)["plugins/my_plugin.py"], "plugins/my_plugin.py")
