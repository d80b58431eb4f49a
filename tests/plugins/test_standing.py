from typing import Any

from intertie.plugins.standing import Standings


def told(name: str, stamp: str = "1", *, wanted: bool = True) -> dict[str, Any]:
    """A plugin as a child tells of it."""
    return {
        "name": name,
        "version": "1",
        "description": "",
        "author": "",
        "hooks": ["on_shutdown"],
        "origin": f"/p/{name}.py",
        "stamp": stamp,
        "load_s": 0.1,
        "wanted": wanted,
    }


FAULT = {"origin": "/p/bad.py", "line": 3, "message": "no", "hint": "", "plugin": None}


def test_strikes_outlive_a_child_and_end_with_a_change_of_the_file() -> None:
    """Costs outlive both."""
    gone: list[str] = []
    standings = Standings(2, lambda name, _: gone.append(name))
    standings.loaded({"plugins": [told("a")], "faults": []})

    standings.took("a", "on_shutdown", 1.0, "no")
    standings.loaded({"plugins": [told("a")], "faults": []})
    standings.took("a", "on_shutdown", 1.0, "no")
    assert (gone, standings.disabled) == (["a"], {"a"})

    standings.loaded({"plugins": [told("a", "2")], "faults": []})
    (status,) = standings.status()
    assert (status.state, status.strikes, status.last_error) == ("loaded", 0, None)
    assert status.costs["on_shutdown"].errors == 2


def test_a_success_ends_the_row() -> None:
    """Only failures of the same hook in a row count."""
    standings = Standings(2, lambda *_: None)
    standings.loaded({"plugins": [told("a")], "faults": []})

    for error in ("no", None, "no", None, "no"):
        standings.took("a", "on_shutdown", 1.0, error)
    standings.took("a", "on_config_load", 1.0, "no")

    assert not standings.disabled


def test_each_state_is_told() -> None:
    """Faulty ones last, with file and line."""
    standings = Standings(2, lambda *_: None)
    standings.loaded({"plugins": [told("a"), told("b", wanted=False)], "faults": [FAULT]})

    assert [(each.name, each.state) for each in standings.status()] == [
        ("a", "loaded"),
        ("b", "disabled"),
        ("bad", "faulty"),
    ]
    assert standings.status()[2].last_error == "/p/bad.py:3: no"


def test_a_new_version_that_is_faulty_is_told_with_the_old_one() -> None:
    """The old one is still loaded."""
    standings = Standings(2, lambda *_: None)
    standings.loaded({"plugins": [told("a")], "faults": [{**FAULT, "origin": "/p/a.py"}]})

    (status,) = standings.status()
    assert (status.state, status.last_error) == ("loaded", "/p/a.py:3: no")
