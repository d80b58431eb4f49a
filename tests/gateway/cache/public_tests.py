"""The public tests for HTTP caches, run against ours and others.

    python -m tests.gateway.cache.public_tests

writes the table of docs/cache.md.
"""

import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bus.peers.server import free_port
from tests.gateway.cache.contenders import contender, running
from tests.npm_peer import NODE, installed

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).parent / "conformance"
DOCUMENT = ROOT / "docs" / "cache.md"
OURS = "intertie"
CONTENDERS = (OURS, "intertie, store_cookies", "varnish", "nginx", "haproxy", "apache")
PASS, FAIL, MISSED = "✅", "⛔️", "⚠️"
_BEGIN, _END = "<!-- public tests -->", "<!-- end -->"


@dataclass(frozen=True)
class Result:
    """Of one test."""

    kind: str
    verdict: str
    why: str


def install() -> Path:
    """The tests with our script beside them, installed once and shared by all runs."""
    return installed(SCRIPT)


@contextmanager
def origin(tests: Path, folder: Path) -> Iterator[int]:
    """The tests' own server; its port."""
    port = free_port()
    told = {"protocol": "http", "port": str(port), "pidfile": str(folder / "pid")}
    environ = {**os.environ, **{f"npm_config_{key}": value for key, value in told.items()}}
    server = str(tests / "node_modules" / "http-cache-tests" / "server" / "server.mjs")
    with running((str(NODE), server), port, folder, environ):
        yield port


def run(tests: Path, cache_port: int) -> dict[str, Result]:
    """Every test that is not for browsers; takes 20 s."""
    told = subprocess.run(
        [NODE, "--no-warnings", "run.mjs", f"http://127.0.0.1:{cache_port}"],
        cwd=tests,
        check=True,
        capture_output=True,
        timeout=700,
    )
    found: Mapping[str, Mapping[str, str]] = json.loads(told.stdout)
    return {
        name: Result(each["kind"], each["verdict"], each.get("why", ""))
        for name, each in found.items()
    }


def against(name: str, tests: Path) -> dict[str, Result]:
    """One cache, alone with the tests' server."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("origin", "cache"):
            (Path(folder) / part).mkdir()
        with (
            origin(tests, Path(folder) / "origin") as origin_port,
            contender(name, Path(folder) / "cache", origin_port) as port,
        ):
            return run(tests, port)


def tally(results: Mapping[str, Result], kind: str) -> Counter[str]:
    """How many of each verdict."""
    return Counter(each.verdict for each in results.values() if each.kind == kind)


def row(name: str, results: Mapping[str, Result]) -> str:
    """Of the table."""
    required, optimal = tally(results, "required"), tally(results, "optimal")
    skipped = sum(required.values()) - required[PASS] - required[FAIL]
    return (
        f"| {name} | {required[PASS]} | {required[FAIL]} | {skipped}"
        f" | {optimal[PASS]} of {sum(optimal.values())} |"
    )


def main() -> None:
    """Run all, write the table."""
    tests = install()
    lines = [
        "| cache | required: pass | fail | not reached | optimal: pass |",
        "|---|---|---|---|---|",
    ]
    missed: list[str] = []
    for name in CONTENDERS:
        try:
            results = against(name, tests)
        except FileNotFoundError:
            print(f"{name}: not installed")
            continue
        lines.append(row(name, results))
        print(lines[-1])
        if name == OURS:
            missed = [
                f"- `{test}` ({each.kind}): {each.why}"
                for test, each in sorted(results.items())
                if each.kind != "check" and each.verdict != PASS
            ]
    write("\n".join([*lines, "", "What ours does not pass:", "", *missed]))


def write(text: str) -> None:
    """Between the marks of the document."""
    before, _, rest = DOCUMENT.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    DOCUMENT.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}")


if __name__ == "__main__":
    main()
