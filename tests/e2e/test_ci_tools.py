"""The examples for pipelines and infrastructure tools work as they stand."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "ci"
BIN = Path(sys.executable).parent


def tools(bench: Bench, service: str = "web") -> dict[str, str]:
    """The environment the examples ask for."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("INTERTIE")},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "INTERTIE_URL": bench.daemon()["api_url"],
        "INTERTIE_TOKEN": (bench.state / "run" / "api.token").read_text(),
        "SERVICE": service,
    }


def run(bench: Bench, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a tool in the suite's folder."""
    return subprocess.run(
        command,
        cwd=bench.folder,
        env=tools(bench),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def pid(bench: Bench) -> int:
    """Of the web service."""
    found: int = bench.service("web")["replicas"][0]["pid"]
    return found


def test_curl_restarts_and_waits(running: Bench) -> None:
    """When the script is back, the new process is healthy."""
    before = pid(running)

    done = run(running, "sh", str(EXAMPLES / "curl.sh"))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "UP"
    assert pid(running) != before


def test_ansible_restarts_and_waits(running: Bench) -> None:
    """The real ansible-playbook, and the key in none of its output."""
    before = pid(running)

    done = run(
        running,
        str(BIN / "ansible-playbook"),
        "-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}",
        str(EXAMPLES / "ansible.yaml"), "-vvv",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert pid(running) != before
    assert tools(running)["INTERTIE_TOKEN"] not in done.stdout + done.stderr


def test_the_workflow_is_one(running: Bench) -> None:
    """By the schema that editors use for GitHub's workflows."""
    done = run(
        running,
        str(BIN / "check-jsonschema"),
        "--builtin-schema", "vendor.github-workflows",
        str(EXAMPLES / "github-actions.yaml"),
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_the_steps_of_the_workflow_work(bench: Bench) -> None:
    """Each script, run as GitHub's runner runs it, except the installing."""
    bench.write("suite: x\napi: {port: auto}\nservices: {a: {command: sleep 1000}}\n")
    workflow: Any = YAML(typ="safe").load(EXAMPLES / "github-actions.yaml")
    steps = [each for each in workflow["jobs"]["test"]["steps"] if "run" in each]
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}

    for step in steps:
        if step["name"] == "Install":
            continue
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=bench.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{step}: {done.stdout}\n{done.stderr}"


def test_terraform_gets_a_flat_map_of_text(running: Bench) -> None:
    """A query on standard input, a JSON object of text on standard output."""
    program = re.findall(r"program\s*=\s*(\[.*\])", (EXAMPLES / "main.tf").read_text())[0]

    done = run(running, *json.loads(program), stdin="{}")

    found = json.loads(done.stdout)
    assert found["status"] == "UP"
    assert found["web"] == "UP"
    assert all(isinstance(value, str) for value in found.values())


def test_terraform_is_told_why_there_is_none(bench: Bench) -> None:
    """On standard error, with a code above 0."""
    bench.write("suite: x\nservices: {a: {command: sleep 1000}}\n")

    done = bench("health", "--external")

    assert done.code == 1
    assert "it is not running" in done.err
    assert done.out == ""


def kubelet(bench: Bench, path: str) -> int:
    """The status of the request that a kubelet's HTTP probe makes."""
    host, _, port = bench.daemon()["api_url"].removeprefix("http://").partition(":")
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: 10.0.0.7:{port}",
        "User-Agent: kube-probe/1.34",
        "Accept: */*",
        "Connection: close",
    )
    with socket.create_connection((host, int(port))) as stream:
        stream.sendall("\r\n".join((*lines, "", "")).encode())
        answer = stream.makefile("rb").readline()
    return int(answer.split()[1])


def test_a_kubelet_s_probe_tells_down(bench: Bench) -> None:
    """200 while all is well, 503 once a service is DOWN; without a key, on any address."""
    probes: Any = YAML(typ="safe").load(EXAMPLES / "liveness.yaml")["spec"]["containers"][0]
    path = probes["livenessProbe"]["httpGet"]["path"]
    bench.write(
        "suite: x\napi: {host: 0.0.0.0, port: auto}\n"
        "services: {a: {command: [sh, -c, 'while ! test -e stop; do sleep 0.05; done; exit 1']}}\n"
    )
    bench.ok("up", "--detach")
    healthy = kubelet(bench, path), kubelet(bench, probes["readinessProbe"]["httpGet"]["path"])

    (bench.folder / "stop").touch()
    until(lambda: bench.service("a")["status"] == "DOWN")

    assert healthy == (200, 200)
    assert kubelet(bench, path) == 503


def test_the_manifest_is_one(running: Bench) -> None:
    """By the schemas of Kubernetes's own API."""
    done = run(
        running, str(BIN / "kubernetes-validate"), "--strict", str(EXAMPLES / "liveness.yaml")
    )

    assert done.returncode == 0, done.stdout + done.stderr
