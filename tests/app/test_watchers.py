import socket
import time

import pytest

from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = pytest.mark.slow

WATCHED = """
suite: x
api: {port: auto}
services:
  web: {command: sleep 1000, watch: [{path: src, include: ["*.py"]}]}
"""


def pid(bench: Bench, name: str) -> int | None:
    """Of the first replica."""
    found: int | None = bench.service(name)["replicas"][0]["pid"]
    return found


def test_a_changed_file_restarts_the_service_that_watches_it(bench: Bench) -> None:
    """By a change that names the file."""
    (bench.folder / "src").mkdir()
    bench.write(WATCHED)
    bench.ok("up", "--detach")
    before = pid(bench, "web")

    (bench.folder / "src" / "main.py").write_text("print()\n")
    deadline = time.monotonic() + 60
    while pid(bench, "web") in {before, None}:
        assert time.monotonic() < deadline

    titles = {item["title"] for item in bench.ok("changes", "--json").json()["items"]}
    assert "restart web: main.py changed" in titles


def test_a_service_that_is_given_up_is_recovered_by_a_script(bench: Bench) -> None:
    """The ladder of the suite file is climbed by the real daemon."""
    bench.write(
        "suite: x\napi: {port: auto}\nservices:\n"
        "  web: {command: [sh, -c, 'test -e fixed && exec sleep 1000; exit 1']}\n"
        "automation:\n  automatic_recovery:\n    cooldown: 10ms\n    stable_for: 10ms\n"
        "    steps: [{script: touch fixed}, alert]\n"
    )
    bench("up", "--detach")

    deadline = time.monotonic() + 60
    while bench.service("web")["status"] != "UP":
        assert time.monotonic() < deadline, bench.ok("events").out


def test_a_log_is_rotated_by_the_rule_of_its_service(bench: Bench) -> None:
    """Its older part is in an archive, and every line can still be read."""
    bench.write(
        "suite: x\napi: {port: auto}\nservices:\n"
        "  web:\n    command: [sh, -c, 'seq 1 60000; exec sleep 1000']\n"
        "    logging: {max_size: 64KiB, max_files: 100}\n"
    )
    bench.ok("up", "--detach")
    folder = bench.state / "logs" / "web"

    deadline = time.monotonic() + 60
    while not list(folder.glob("*.gz")):
        assert time.monotonic() < deadline, list(folder.iterdir())

    # The first part is packed while the last lines are still being printed.
    until(
        lambda: len(bench.ok("logs", "web", "--tail", "60001", "--json").out.splitlines()) == 60_000
    )


def test_lines_are_sent_on_as_the_suite_says(bench: Bench) -> None:
    """To a syslog server, over the real daemon."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        bench.write(
            "suite: x\napi: {port: auto}\n"
            "services: {web: {command: [sh, -c, 'echo well met; exec sleep 1000']}}\n"
            f"logging: {{forward: {{sys: {{kind: syslog, url: 'udp://127.0.0.1:{port(server)}'}}}}}}\n"
        )
        bench.ok("up", "--detach")

        message = server.recv(4096).decode()

    assert message.endswith("well met")
    assert " web " in message


def port(server: socket.socket) -> int:
    """Where it listens."""
    found: int = server.getsockname()[1]
    return found
