from pathlib import Path

import pytest

from intertie.errors import Fault
from intertie.suite.interpolate import MissingError, Sources, expand
from intertie.suite.tree import Keys, Place

PLACE = Place(Path("suite.yaml"), 3, 5)
COMMAND: Keys = ("services", "web", "command")
VARIABLE: Keys = ("services", "web", "environment", "X")


def read_file(name: str) -> str:
    """One file is there."""
    if name != "there":
        raise MissingError(f"cannot read {name}: No such file or directory")
    return "content"


def run(command: str) -> str:
    """What it prints is itself."""
    return f"({command})"


SOURCES = Sources({"HOST": "db", "EMPTY": "", "TRICK": "${secret:db}"}, read_file, run)


def expanded(text: str, keys: Keys = COMMAND) -> str:
    """The value of a text without faults."""
    faults: list[Fault] = []
    result = expand(text, keys, PLACE, SOURCES, faults)
    assert faults == []
    return result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${env:HOST}:${env:HOST}", "db:db"),
        ("${env:EMPTY}", ""),
        ("${command:a b}", "(a b)"),
        ("${env:EMPTY:-x}", "x"),
        ("${env:NONE:-}", ""),
        ("${env:NONE:-a:-b c}", "a:-b c"),
        ("${env:HOST:-x}", "db"),
        ("${env:HOST:?needed}", "db"),
        ("<${file:there}>", "<content>"),
        ("$${env:HOST} $HOST $ {} $$", "${env:HOST} $HOST $ {} $$"),
        ("${env:TRICK}", "${secret:db}"),
    ],
)
def test_references_are_replaced(text: str, result: str) -> None:
    """Variables, defaults and files; `$${` is a literal `${`; a value is not looked into."""
    assert expanded(text) == result


def test_a_secret_stays_a_reference() -> None:
    """Its value is not looked up while loading."""
    assert expanded("a ${secret:db} b", VARIABLE) == "a ${secret:db} b"


def test_a_variable_cannot_name_a_secret() -> None:
    """Text that only looks like a reference is spelt so that it stays text."""
    assert expanded("${env:TRICK} ${secret:x}", VARIABLE) == "$${secret:db} ${secret:x}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("${env:NONE}", "environment variable NONE is not set (set it, write it into .env, or"),
        ("${env:NONE:?ask Ann}", "environment variable NONE is empty or not set: ask Ann"),
        ("${env:EMPTY:?ask Ann}", "environment variable EMPTY is empty or not set: ask Ann"),
        ("${env:A-B}", "expected ${env:NAME}, ${env:NAME:-default} or ${env:NAME:?message}, got"),
        (
            "${HOST}",
            "expected ${env:…}, ${file:…}, ${command:…} or ${secret:…}, got ${HOST} (write ${env:",
        ),
        (
            "${evn:HOST}",
            "expected ${env:…}, ${file:…}, ${command:…} or ${secret:…}, got ${evn:HOST} (did you m",
        ),
        ("${env:HOST", "`${env:HOST` has no `}`"),
        ("${secret:db", "`${secret:db` has no `}`"),
        ("${env:A:-${env:HOST}}", "a reference cannot hold another one"),
        ("${file:gone}", "cannot read gone: No such file or directory"),
        (
            "${secret:db}",
            "a secret can stand in `environment`, `headers`, and keys for secrets only (",
        ),
        ("${secret:../x}", "expected a secret's name of letters, digits, `_`, `.` and `-`, got"),
    ],
)
def test_what_cannot_be_replaced_is_a_fault(text: str, fault: str) -> None:
    """The reason and, where there is one, the remedy."""
    faults: list[Fault] = []

    expand(text, COMMAND, PLACE, SOURCES, faults)

    [found] = faults
    assert str(found).startswith(f"suite.yaml:3:5: services.web.command: {fault}")


def test_each_missing_variable_of_a_text_is_told() -> None:
    """All faults at once holds inside one value too."""
    faults: list[Fault] = []

    expand("${env:ONE} ${env:HOST} ${env:TWO}", COMMAND, PLACE, SOURCES, faults)

    assert len(faults) == 2


@pytest.mark.parametrize(
    "keys",
    [
        ("bus", "password"),
        ("identity", "providers", "idp", "client_secret"),
        ("identity", "providers", "directory", "bind_password"),
        ("identity", "clients", "nightly", "client_secret"),
        ("identity", "clients", "nightly", "client_secret", 1),
    ],
)
def test_a_secret_may_stand_where_a_secret_is_asked_for(keys: Keys) -> None:
    """As a reference: it stays one."""
    assert expanded("${secret:db}", keys) == "${secret:db}"


def test_a_secret_may_stand_in_the_headers_of_a_log_target() -> None:
    """It stays a reference there, too."""
    keys: Keys = ("logging", "forward", "loki", "headers", "Authorization")

    assert expanded("Bearer ${secret:loki}", keys) == "Bearer ${secret:loki}"
