"""Commands about the suite file."""

import json

from tests.harness import Bench

GOOD = "suite: x\nservices:\n  a: {command: 'true'}\n"
BAD = "suite: x\nservices:\n  a: {command: 'true', prot: 1}\n  b: {depends_on: [c]}\n"


def test_check_says_what_a_good_file_holds(bench: Bench) -> None:
    """And exits 0."""
    bench.write(GOOD)

    assert "suite.yaml is valid: 1 services, 0 routes" in bench.ok("check").out


def test_check_prints_all_faults_and_exits_2(bench: Bench) -> None:
    """Each with file, line, column and the nearest key."""
    bench.write(BAD)

    failed = bench("check")

    lines = failed.err.splitlines()
    assert failed.code == 2
    assert lines[0].startswith("suite.yaml:3:24: services.a.prot: unknown key")
    assert "`port`" in lines[0]
    assert lines[-1] == f"{len(lines) - 1} faults found; nothing was changed"


def test_check_speaks_json(bench: Bench) -> None:
    """For editors and pipelines; the exit code is the same."""
    bench.write(BAD)
    bad = bench("check", "--json")
    bench.write(GOOD)
    good = bench("check", "--json")

    assert bad.code == 2
    assert bad.json()["valid"] is False
    assert bad.json()["faults"][0]["line"] == 3
    assert (good.code, good.json()) == (0, {"valid": True, "faults": []})


def test_check_knows_the_kinds_of_integrations(bench: Bench) -> None:
    """One that there is not is a fault of the file, and nothing starts with it."""
    bench.write(GOOD + "integrations: {chat: {kind: slakc}}\n")

    failed = bench("check")
    started = bench("up", "--detach")

    assert failed.code == 2
    assert "suite.yaml:4:23: integrations.chat.kind: no kind is called 'slakc'" in failed.err
    assert "did you mean slack?" in failed.err
    assert started.code == 2
    assert "did you mean slack?" in started.err


def test_check_takes_an_environment(bench: Bench) -> None:
    """The overlay is part of what is checked."""
    bench.write(GOOD + "environments:\n  prod: {services: {a: {replicas: 0}}}\n")

    assert bench("check").code == 0
    assert bench("check", "--env", "prod").code == 2


def test_schema_is_the_published_one(bench: Bench) -> None:
    """Needs no suite file."""
    schema = json.loads(bench.ok("schema").out)

    assert schema["$id"].endswith("suite.schema.json")
