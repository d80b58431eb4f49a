from pathlib import Path

import pytest

from intertie.errors import Fault
from intertie.suite.merge import join, longhand, overlay, sweep
from intertie.suite.parse import parse
from intertie.suite.tree import Table, places, plain


def table(text: str, file: str = "suite.yaml") -> Table:
    """The tree of a text."""
    node = parse(text, Path(file), [])
    assert isinstance(node, Table)
    return node


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ("{a: 1, b: {c: 2, d: 3}}", "{b: {c: 4}, e: 5}", {"a": 1, "b": {"c": 4, "d": 3}, "e": 5}),
        ("{a: [1, 2]}", "{a: [3]}", {"a": [3]}),
        ("{a: {b: 1}}", "{a: 2}", {"a": 2}),
        ("{a: 1}", "{a: {b: 1, c: null}}", {"a": {"b": 1}}),
        ("{a: 1, b: {c: 2, d: 3}}", "{a: null, b: {c: null}}", {"b": {"d": 3}}),
        ("{a: 1}", "{never: null, b: {c: null}}", {"a": 1, "b": {}}),
    ],
)
def test_an_overlay_changes_key_by_key(base: str, over: str, result: object) -> None:
    """Tables meet, all else is replaced, null takes away."""
    assert plain(sweep(overlay(table(base), table(over)))) == result


def test_what_was_taken_away_stays_so_until_swept() -> None:
    """A later merge from below does not bring it back."""
    changed = overlay(table("{b: 1}"), table("{a: null}"))

    assert plain(sweep(overlay(table("{a: 1}"), changed))) == {"b": 1}


def test_a_sweep_can_stop_at_a_level() -> None:
    """Marks inside a service outlive the first sweep."""
    changed = overlay(table("{a: 1, b: {c: 1, d: 2}}"), table("{a: null, b: {c: null}}"))

    assert plain(sweep(changed, levels=1)) == {"b": {"c": None, "d": 2}}


def test_changed_keys_have_the_place_of_the_change() -> None:
    """A fault in an overlay is told there, one below it there."""
    where = places(overlay(table("a: 1\nb: 2"), table("b: 3", "over.yaml")))

    assert str(where["a",]) == "suite.yaml:1:1"
    assert str(where["b",]) == "over.yaml:1:1"


def test_files_are_joined_side_by_side() -> None:
    """Services gather, lists follow each other."""
    faults: list[Fault] = []
    one = table("{services: {a: {x: 1}}, gateway: {routes: [1]}}")
    other = table("{services: {b: {x: 2}}, gateway: {routes: [2], port: 3}, api: {port: 4}}")

    joined = join(one, other, faults)

    assert faults == []
    assert plain(joined) == {
        "services": {"a": {"x": 1}, "b": {"x": 2}},
        "gateway": {"routes": [1, 2], "port": 3},
        "api": {"port": 4},
    }


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("services:\n  a: {command: x}", "services.a"),
        ("gateway:\n  port: 1", "gateway.port"),
        ("gateway: 1", "gateway"),
    ],
)
def test_what_two_files_give_is_a_fault_naming_both_places(text: str, key: str) -> None:
    """An include adds; it never wins over the file that includes it, nor loses."""
    faults: list[Fault] = []
    mine = "services:\n  a: {command: y}\ngateway:\n  port: 2"

    join(table(mine), table(text, "part.yaml"), faults)

    [fault] = faults
    assert (fault.file, fault.key) == (Path("part.yaml"), key)
    assert "given twice: part.yaml:" in fault.message
    assert " and suite.yaml:" in fault.message


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("environment: [A=1=2, B]", {"environment": {"A": "1=2", "B": "${env:B}"}}),
        ("environment: {A: 1.10, B: true}", {"environment": {"A": "1.10", "B": "true"}}),
        ("environment: {A: null, B: [1]}", {"environment": {"A": None, "B": [1]}}),
        ("environment: [{A: 1}]", {"environment": [{"A": 1}]}),
        ("environment: 1", {"environment": 1}),
        ("depends_on: [a, b]", {"depends_on": {"a": {}, "b": {}}}),
        ("depends_on: {a: , b: {c: 1}}", {"depends_on": {"a": {}, "b": {"c": 1}}}),
        ("depends_on: [1]", {"depends_on": [1]}),
        ("restart: always", {"restart": {"policy": "always"}}),
        ("restart: on-failure:3", {"restart": {"policy": "on-failure", "max_attempts": "3"}}),
        ("restart: {policy: no}", {"restart": {"policy": "no"}}),
        ("extends: base", {"extends": {"service": "base"}}),
        ("extends: {service: base}", {"extends": {"service": "base"}}),
    ],
)
def test_short_spellings_are_written_out(short: str, long: object) -> None:
    """So that a list in one file and a map in another can be merged; nonsense is left as it is."""
    tree = longhand(table(f"services: {{a: {{{short}}}}}"))

    assert plain(tree) == {"services": {"a": long}}


def test_short_spellings_in_overlays_are_written_out() -> None:
    """Overlays hold services too; what is no table is left for the checks."""
    tree = longhand(
        table("environments: {one: {services: {a: {depends_on: [b]}, c: 1}}, two: 2, three: {}}")
    )

    assert plain(tree) == {
        "environments": {
            "one": {"services": {"a": {"depends_on": {"b": {}}}, "c": 1}},
            "two": 2,
            "three": {},
        }
    }
