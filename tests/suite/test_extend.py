from collections.abc import Callable
from pathlib import Path

import pytest

from intertie.errors import Fault
from intertie.suite.document import Documents
from intertie.suite.extend import Extender
from intertie.suite.tree import Table, plain

Write = Callable[..., Path]


@pytest.fixture
def extend(write: Write, tmp_path: Path) -> Callable[[str], tuple[object, list[str]]]:
    """The services of a text after `extends`, and what is told."""

    def extended(text: str) -> tuple[object, list[str]]:
        faults: list[Fault] = []
        path = write(text)
        files = Documents(tmp_path, {"DIR": "sub"}, None, faults)
        tree = files.open(path)
        assert tree is not None
        services = tree.get("services")
        assert isinstance(services, Table)
        extender = Extender(
            path, services, open_file=files.open, sources=files.sources, faults=faults
        )
        result = plain(extender.extended(services))
        return result, [str(fault).replace(f"{tmp_path}/", "") for fault in faults]

    return extended


Extend = Callable[[str], tuple[object, list[str]]]


def test_a_service_starts_from_another_and_wins_over_it(extend: Extend) -> None:
    """Maps meet key by key, null takes away; chains are followed to their end."""
    services, faults = extend(
        """\
        services:
          a: {extends: b, command: own, environment: {X: 1}}
          b: {extends: {service: c}, command: theirs, port: null}
          c: {port: 1, environment: [Y=2]}
          d: {extends: b}
        """
    )

    assert faults == []
    assert services == {
        "a": {"environment": {"Y": "2", "X": "1"}, "command": "own"},
        "b": {"environment": {"Y": "2"}, "command": "theirs"},
        "c": {"port": 1, "environment": {"Y": "2"}},
        "d": {"environment": {"Y": "2"}, "command": "theirs"},
    }


def test_a_service_of_another_file_brings_what_it_extends_there(
    extend: Extend, write: Write
) -> None:
    """Files are relative to the one that names them, names belong to their file."""
    write("services: {a: {extends: base}, base: {port: 1}}", "sub/one.yaml")

    services, faults = extend(
        """\
        services:
          a: {extends: {file: "${env:DIR}/one.yaml", service: a}}
          b: {extends: {file: sub/one.yaml, service: base}}
          base: {port: 2}
        """
    )

    assert faults == []
    assert services == {"a": {"port": 1}, "b": {"port": 1}, "base": {"port": 2}}


def test_services_that_extend_each_other_are_one_fault(extend: Extend) -> None:
    """The ring is named once; each keeps what it says itself."""
    services, faults = extend(
        """\
        services:
          a: {extends: b, x: 1}
          b: {extends: c, x: 2}
          c: {extends: b, y: 3}
        """
    )

    assert faults == [
        "suite.yaml:3:7: services.b.extends: services extend each other: b → c → b",
    ]
    assert services == {"a": {"x": 1, "y": 3}, "b": {"x": 2, "y": 3}, "c": {"y": 3}}


def test_a_ring_over_files_names_the_file(extend: Extend, write: Write) -> None:
    """Names alone would not tell."""
    write("services: {a: {extends: {file: suite.yaml, service: a}}}", "one.yaml")

    _, faults = extend("services: {a: {extends: {file: one.yaml, service: a}}}")

    assert faults == [
        "suite.yaml:1:16: services.a.extends: services extend each other: a → one.yaml:a → a",
    ]


@pytest.mark.parametrize(
    ("extends", "fault"),
    [
        ("bse", "extends: no service is called 'bse' (did you mean `base`?)"),
        ("7", "extends: expected a service's name, or `service` and `file`"),
        ("{service: base, fil: x}", "extends: expected a service's name, or `service` and `file`"),
        ("{file: suite.yaml}", "extends.service: expected text"),
        ("{service: base, file: 1}", "extends.file: expected text"),
        ("{service: base, file: no}", "extends.file: cannot read no: there is no such file"),
        ("{service: base, file: bad}", "extends: "),
    ],
)
def test_a_faulty_extends_is_told_and_left_out(
    extend: Extend, write: Write, extends: str, fault: str
) -> None:
    """The service is checked as it stands."""
    write("- 1", "bad")

    services, faults = extend(f"services: {{a: {{extends: {extends}, x: 1}}, base: {{y: 2}}}}")

    assert services == {"a": {"x": 1}, "base": {"y": 2}}
    if "file: bad" in extends:
        assert faults == ["bad:1:1: expected a map of keys such as `services`, got something else"]
    else:
        assert faults == [f"suite.yaml:1:16: services.a.{fault}"]


def test_extending_nothing_or_nonsense_is_left_to_the_checks(extend: Extend) -> None:
    """A service that is no map is told elsewhere."""
    services, faults = extend("services: {a: {extends: null}, b: {extends: c}, c: 7}")

    assert faults == []
    assert services == {"a": {}, "b": {}, "c": 7}


def test_a_long_chain_is_no_trouble(extend: Extend) -> None:
    """Longer than Python's stack."""
    chain = "\n".join(f"  s{n}: {{extends: s{n + 1}}}" for n in range(1500))

    services, faults = extend(f"services:\n{chain}\n  s1500: {{x: 1}}\n")

    assert faults == []
    assert isinstance(services, dict)
    assert services["s0"] == {"x": 1}
