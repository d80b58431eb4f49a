"""`up` and `down`, as a user runs them."""

import signal
import subprocess
import sys

import psutil
import pytest

from intertie.runtime.ports import is_free
from tests.harness import Bench

pytestmark = pytest.mark.slow

SUITE = """
suite: tour
api: {port: auto}
services:
  web:
    command: python3 -m http.server --bind 127.0.0.1 $(PORT)
    port: auto
    healthcheck: {http: /}
    restart: on-failure
  worker:
    command: sh -c 'echo ready; exec sleep 1000'
    depends_on: {web: {condition: service_healthy}}
"""

BAD = """
  bad:
    command: sh -c 'echo no licence found >&2; exit 3'
    healthcheck: {test: ['false']}
"""


def test_up_brings_everything_and_down_leaves_nothing(bench: Bench) -> None:
    """Every service is running after `up`; no process and no port is left after `down`."""
    bench.write(SUITE)

    started = bench.ok("up", "--detach")

    assert {each["name"]: each["status"] for each in bench.ok("ps", "--json").json()} == {
        "web": "UP",
        "worker": "UP",
    }
    assert "web" in started.out
    assert "http://127.0.0.1" in started.out
    port = bench.service("web")["replicas"][0]["port"]
    bench.ok("down")
    assert bench.processes() == []
    assert is_free(port)
    assert not (bench.state / "run" / "api.token").exists()


def test_a_faulty_file_starts_nothing(bench: Bench) -> None:
    """`up` prints the faults, exits 2, and there is no daemon."""
    bench.write(SUITE.replace("command: python3", "comand: python3"))  # codespell:ignore

    failed = bench("up", "--detach")

    assert failed.code == 2
    assert "suite.yaml:6:5" in failed.err
    assert "`command`" in failed.err
    assert bench.processes() == []


def test_a_service_that_cannot_start_is_named_with_its_last_words(bench: Bench) -> None:
    """The error holds the service, how it ended and what it said; the rest goes on."""
    bench.write(SUITE + BAD)

    failed = bench("up", "--detach")

    assert failed.code == 1
    assert "cannot start service 'bad'" in failed.err
    assert "exit code 3" in failed.err
    assert "no licence found" in failed.err
    assert bench.service("web")["status"] == "UP"


def test_ctrl_c_stops_the_suite(bench: Bench) -> None:
    """An attached `up` ends with everything when interrupted."""
    bench.write(SUITE)
    # What a terminal does: behind `&` in a script the tests themselves, and it, ignore the signal.
    heard = "import signal, os, sys; signal.signal(signal.SIGINT, signal.SIG_DFL);"
    heard += " os.execv(sys.executable, [sys.executable, '-m', 'intertie', 'up'])"
    attached = subprocess.Popen(
        [sys.executable, "-c", heard],
        cwd=bench.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert attached.stdout is not None
    with attached.stdout as lines:
        while "Ctrl-C stops" not in lines.readline():
            assert attached.poll() is None

        attached.send_signal(signal.SIGINT)

        attached.wait(60)
    assert bench.processes() == []


def test_a_killed_daemon_is_cleaned_up_by_down(bench: Bench) -> None:
    """After kill -9 of the daemon, `down` ends what it left running."""
    bench.write(SUITE)
    bench.ok("up", "--detach")
    psutil.Process(bench.daemon()["pid"]).kill()
    assert bench.processes()

    done = bench.ok("down")

    assert "leftover" in done.out
    assert bench.processes() == []


def test_a_daemon_whose_up_was_killed_is_known_to_down(bench: Bench) -> None:
    """From its first moment, before it has done anything."""
    bench.write(SUITE)
    command = [sys.executable, "-m", "intertie", "up", "--detach"]
    started = subprocess.Popen(command, cwd=bench.folder, stdout=subprocess.DEVNULL)
    while not bench.processes():
        assert started.poll() is None
    started.kill()
    started.wait()

    bench.ok("down")

    assert bench.processes() == []


def test_a_killed_daemon_is_followed_by_up(bench: Bench) -> None:
    """After kill -9 of the daemon, the next `up` takes over what still runs, without a restart."""
    bench.write(SUITE)
    bench.ok("up", "--detach")
    before = bench.service("web")["replicas"][0]["pid"]
    psutil.Process(bench.daemon()["pid"]).kill()

    bench.ok("up", "--detach")

    assert bench.service("web")["replicas"][0]["pid"] == before
    assert bench.service("worker")["status"] == "UP"


def test_up_again_applies_what_changed(bench: Bench) -> None:
    """A second `up` replaces the service whose entry changed and touches no other."""
    bench.write(SUITE)
    bench.ok("up", "--detach")
    before = bench.service("web")["replicas"][0]["pid"]
    bench.write(SUITE.replace("sleep 1000", "sleep 2000"))

    bench.ok("up", "--detach")

    assert bench.service("web")["replicas"][0]["pid"] == before
    worker = psutil.Process(bench.service("worker")["replicas"][0]["pid"])
    assert "2000" in worker.cmdline()


def test_two_daemons_cannot_share_a_folder(bench: Bench) -> None:
    """A daemon started by hand beside a running one is refused with a clear word."""
    bench.write(SUITE)
    bench.ok("up", "--detach")

    second = bench("daemon")

    assert second.code == 1
    assert "another daemon runs there" in second.err


def test_two_that_start_it_at_once_both_get_it(bench: Bench) -> None:
    """One daemon is started; whoever is later, waits for it."""
    bench.write(SUITE)
    command = [sys.executable, "-m", "intertie", "up", "--detach"]

    both = [
        subprocess.Popen(command, cwd=bench.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [each.communicate(timeout=120) for each in both]

    assert [each.returncode for each in both] == [0, 0], told
    assert sum("daemon" in each.cmdline() for each in bench.processes()) == 1


def test_a_stopped_service_stays_stopped_where_it_says_so(bench: Bench) -> None:
    """After kill -9 of the daemon: `unless-stopped` stays, `always` comes back; `down` forgets."""
    bench.write(
        "suite: x\napi: {port: auto}\nservices:\n"
        "  a: {command: sleep 1000, restart: unless-stopped}\n"
        "  b: {command: sleep 1000, restart: always}\n"
    )
    bench.ok("up", "--detach")
    bench.ok("stop", "a", "b")
    psutil.Process(bench.daemon()["pid"]).kill()

    bench.ok("up", "--detach")
    states = {name: bench.service(name)["replicas"][0]["state"] for name in "ab"}
    bench.ok("down")
    bench.ok("up", "--detach")

    assert states == {"a": "stopped", "b": "running"}
    assert bench.service("a")["replicas"][0]["state"] == "running"


def test_a_killed_daemon_s_services_are_ended_where_the_file_says_so(bench: Bench) -> None:
    """`orphans: reap` starts them anew instead of taking them over."""
    bench.write("suite: x\norphans: reap\napi: {port: auto}\nservices: {a: {command: sleep 999}}\n")
    bench.ok("up", "--detach")
    before = bench.service("a")["replicas"][0]["pid"]
    psutil.Process(bench.daemon()["pid"]).kill()

    bench.ok("up", "--detach")

    assert bench.service("a")["replicas"][0]["pid"] != before
    assert before not in {each.pid for each in bench.processes()}


def test_a_line_of_the_log_counts_for_a_new_daemon_too(bench: Bench) -> None:
    """A service that had written its line is ready at once when it is taken over."""
    bench.write(
        "suite: x\napi: {port: auto}\nservices:\n"
        "  a: {command: [sh, -c, 'echo up; exec sleep 1000'], ready_log_line: up}\n"
        "  b: {command: sleep 1000, depends_on: {a: {condition: service_log_ready}}}\n"
    )
    bench.ok("up", "--detach")
    before = bench.service("a")["replicas"][0]["pid"]
    psutil.Process(bench.daemon()["pid"]).kill()

    bench.ok("up", "--detach")

    replica = bench.service("a")["replicas"][0]
    assert (replica["pid"], replica["state"]) == (before, "running")
