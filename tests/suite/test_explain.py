import re
from collections.abc import Callable

import pytest

from intertie.suite.explain import shown, valid_keys

Check = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ("cohmand: x", "command: is missing"),
        ("{command: x, environmemt: {}}", "environmemt: unknown key (did you mean `environment`?)"),
        ("{command: x, env: {}}", "env: unknown key (did you mean `environment`?)"),
        (
            "{command: x, zzz: {}}",
            "zzz: unknown key (there are: api, autoscale, autostart, ",
        ),
        ("{command: 7}", "command: expected a command: text, or a list of text, got 7"),
        ("{command: {a: 1}}", "command: expected a command: text, or a list of text, got a map"),
        ("{command: [sleep, 5]}", "command[1]: expected text, got 5 (put it in quotes)"),
        ("{command: 'a \"b'}", "command: expected a command with every quote closed, got 'a"),
        ("{command: []}", "command: expected a program to run, got a list"),
        ("{command: x, working_dir: []}", "working_dir: expected text, got a list"),
        ("{command: x, port: 70000}", "port: expected a port number from 1 to 65535, or auto, got"),
        ("{command: x, replicas: 0}", "replicas: expected a number of at least 1, got 0"),
        ("{command: x, replicas: 257}", "replicas: expected a number of at most 256, got 257"),
        ("{command: x, replicas: 1.5}", "replicas: expected a whole number, got 1.5"),
        ("{command: x, replicas: }", "replicas: expected a whole number, got nothing"),
        ("{command: x, profiles: a}", "profiles: expected a list, got 'a'"),
        ("{command: x, profiles: [A]}", "profiles[0]: expected a name of a-z, 0-9, `_`, `.` and"),
        ("{command: x, depends_on: x}", "depends_on: expected a map of keys, got 'x'"),
        ("{command: x, environment: 1}", "environment: expected a map of keys, got 1"),
        ("{command: x, environment: {A: }}", "environment.A: expected text, got nothing"),
        ("{command: x, environment: {A=: 1}}", "environment.A=: expected the name of an envir"),
        ("{command: x, stop_signal: INTT}", "stop_signal: expected a signal name such as SIGTER"),
        ("{command: x, stop_grace_period: 5x}", "stop_grace_period: expected a duration such as"),
        (
            "{command: x, restart: alwayx}",
            "restart.policy: expected 'no', 'on-failure', 'always' o",
        ),
        ("{command: x, restart: []}", "restart: expected a map of keys, got a list"),
        ("{command: x, healthcheck: true}", "healthcheck: expected a map of keys, got true"),
        ("{command: x, healthcheck: {}}", "healthcheck: expected exactly one of http, tcp, test"),
        ("{command: x, healthcheck: {tcp: 1}}", "healthcheck.tcp: expected true or false, got 1"),
        ("{command: x, healthcheck: {test: x, interval: 0}}", "healthcheck.interval: expected a d"),
        (
            "{command: x, healthcheck: {retries: 1, test: x}}",
            "healthcheck.retries: unknown key (di",
        ),
        (
            "{command: x, healthcheck: {tcp: true}}",
            "healthcheck: a check that asks the service's port needs ",
        ),
        ("{command: x, port: 1, replicas: 2}", "port: several replicas cannot share a fixed port"),
        (
            "{command: x, healthcheck: {http: x}, port: 1}",
            "healthcheck.http.path: expected a path that",
        ),
        (
            r'{command: x, port: 1, healthcheck: {http: {path: /, headers: {"a b": c}}}}',
            "healthcheck.http.headers.a b: expected text like",
        ),
        (
            r'{command: x, port: 1, healthcheck: {http: {path: /, headers: {a: "b\r\nc: d"}}}}',
            "healthcheck.http.headers.a: expected a value on one line",
        ),
        ("7", ""),
    ],
)
def test_a_mistake_is_told_in_words_of_the_file(told: Check, service: str, fault: str) -> None:
    """What was expected, what was got, and the nearest key; no word of the library's."""
    body = service if service.startswith(("{", "7")) else f"{{{service}}}"

    found = told(f"suite: x\nservices:\n  web: {body}\n")

    wanted = f"services.web.{fault}" if fault else "services.web: expected a map of keys, got 7"
    assert any(f": {wanted}" in line for line in found), found
    for line in found:
        assert not re.search(r"pydantic|[Ii]nput should|https?://|_type\b|validat", line)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("services: {web: {command: x}}", ["suite.yaml:1:1: suite: is missing"]),
        ("suite: x", ["suite.yaml:1:1: services: is missing"]),
        ("suite: x\nservices: {}", ["suite.yaml:2:1: services: expected at least 1, got 0"]),
        ("suite: X\nservices: {web: {command: x}}", ["suite.yaml:1:1: suite: expected a name of "]),
        (
            "suite: x\nservices: {Web: {command: x}}",
            ["suite.yaml:2:12: services.Web: expected a n"],
        ),
        (
            "suite: x\nservices: {web: {command: x, port: 1}}\n"
            "gateway: {routes: [{path: x, service: web}], prot: 7}",
            [
                "suite.yaml:3:21: gateway.routes[0].path: expected a path that begins with /",
                "suite.yaml:3:46: gateway.prot: unknown key (did you mean `port`?)",
            ],
        ),
        (
            "suite: x\nservices: {web: {command: x, port: 1}}\n"
            "gateway: {routes: [{path: /a b, service: web, methods: [GTE]}]}",
            ["path: expected a path", "methods[0]: expected 'GET', 'HEAD', 'POST', 'PUT', 'PATCH'"],
        ),
    ],
)
def test_mistakes_outside_services_are_told_too(told: Check, text: str, faults: list[str]) -> None:
    """Each at its own line and column."""
    found = told(text)

    assert len(found) == len(faults), found
    for line, fault in zip(found, faults, strict=True):
        assert fault in line


def test_the_nearest_of_a_few_words_is_named(told: Check) -> None:
    """Where only some words are allowed."""
    [fault] = told("suite: x\nservices: {web: {command: x, restart: alwayx}}")

    assert fault.endswith("got 'alwayx' (did you mean `always`?)")


def test_values_are_shown_in_a_few_words() -> None:
    """Long text is cut, nothing is hidden otherwise."""
    assert shown(None) == "nothing"
    assert shown(True) == "true"
    assert shown((1, 2)) == "a list"
    assert shown("x" * 100) == "'" + "x" * 39 + "…"


def test_valid_keys_follow_the_models() -> None:
    """Through names, indexes, and names that are also keys."""
    assert "include" in valid_keys(())
    assert "command" in valid_keys(("services", "restart"))
    assert "policy" in valid_keys(("services", "web", "restart"))
    assert "condition" in valid_keys(("services", "web", "depends_on", "port"))
    assert "path" in valid_keys(("gateway", "routes", 0))
    assert "audience" in valid_keys(("gateway", "jwt"))
