from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.runtime.watch_rules import (
    MOST_REACTIONS,
    PAUSE_S,
    WITHIN_S,
    Gate,
    Kind,
    LoopGuard,
    Target,
    find_targets,
    lay_out,
    sift,
)
from tests.runtime.stage import service

FOLDER = Path("/suite")


def target(**watch: object) -> Target:
    """What a service that watches one thing wants."""
    [found] = find_targets(FOLDER, {"api": service(watch=[watch])})
    return found


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        ("src", True),
        ("src/api.py", True),
        ("src/deep/down/api.py", True),
        ("srcs/api.py", False),
        ("other.py", False),
        ("src/.git/index", False),
        ("src/deep/__pycache__/api.cpython-311.pyc", False),
        ("src/node_modules/left-pad/index.js", False),
        ("src/.api.py.swp", False),
        ("src/api.py~", False),
        ("src/.intertie/run", False),
        ("src/environment", True),
    ],
)
def test_all_below_a_folder_matters_but_caches_and_what_editors_leave(
    path: str, watched: bool
) -> None:
    """Wherever below it that is."""
    assert target(path="./src").matters(FOLDER / path) is watched


def test_the_folder_that_is_watched_may_itself_have_such_a_name() -> None:
    """Who names it means it."""
    assert target(path="node_modules").matters(FOLDER / "node_modules/left-pad/index.js")


@pytest.mark.parametrize(
    ("include", "path", "watched"),
    [
        (["*.py"], "deep/api.py", True),
        (["*.py"], "api.pyi", False),
        (["*.py", "*.html"], "index.html", True),
        (["templates/*.html"], "templates/index.html", True),
        (["templates/*.html"], "other/templates/index.html", False),
        (["./settings.toml"], "settings.toml", True),
    ],
)
def test_with_include_only_what_fits_matters(include: list[str], path: str, watched: bool) -> None:
    """A pattern without a slash is about names, one with a slash about paths."""
    assert target(path=".", include=include).matters(FOLDER / path) is watched


@pytest.mark.parametrize(
    ("ignore", "path", "watched"),
    [
        (["*.log"], "deep/api.log", False),
        (["data"], "data/deep/file", False),
        (["data/"], "deep/data/file", False),
        (["static/built"], "static/built/site.css", False),
        (["static/built"], "other/static/built/site.css", True),
        (["*.log"], "log/api.py", True),
    ],
)
def test_what_is_ignored_does_not_matter(ignore: list[str], path: str, watched: bool) -> None:
    """Nor what is in a folder that is."""
    assert target(path=".", ignore=ignore).matters(FOLDER / path) is watched


def test_what_is_there_is_watched_and_what_is_not_is_awaited(tmp_path: Path) -> None:
    """By the folder where it will appear; a file by the folder it is in."""
    (tmp_path / "src/inner").mkdir(parents=True)
    (tmp_path / "settings.toml").touch()
    paths = ["src", "src/inner", "settings.toml", "gone/deep"]
    targets = find_targets(tmp_path, {"api": service(watch=[{"path": p} for p in paths])})

    found = lay_out(targets)

    assert found.deep == (tmp_path / "src",)
    assert found.flat == (tmp_path,)
    assert found.missing == {tmp_path / "gone/deep"}


@pytest.mark.parametrize(
    ("kind", "path", "is_new"),
    [
        ("added", "gone", True),
        ("added", "gone/deep", True),
        ("added", "src", True),
        ("deleted", "src", True),
        ("deleted", "settings.toml", True),
        ("added", "settings.toml", False),
        ("added", "src/new.py", False),
        ("modified", "src", False),
    ],
)
def test_what_comes_and_goes_is_watched_anew(
    tmp_path: Path, kind: Kind, path: str, is_new: bool
) -> None:
    """A file that is replaced, as editors do, is not; nor is what is below a folder."""
    (tmp_path / "src").mkdir()
    (tmp_path / "settings.toml").touch()
    paths = ["src", "settings.toml", "gone/deep"]
    targets = find_targets(tmp_path, {"api": service(watch=[{"path": p} for p in paths])})

    found = sift(targets, lay_out(targets), [(kind, tmp_path / path)])

    assert found.is_new_ground is is_new


def test_changes_that_follow_each_other_closely_are_one() -> None:
    """Acted on when there was none for as long."""
    gate = Gate(debounce_s=1)
    gate.note(Path("a"), 0)
    gate.note(Path("b"), 0.9)
    gate.note(Path("a"), 1.8)

    assert gate.due_at == 2.8
    assert gate.take() == (Path("a"), Path("b"))
    assert gate.due_at == float("inf")


def test_files_that_never_stop_changing_are_acted_on_all_the_same() -> None:
    """After ten times as long."""
    gate = Gate(debounce_s=1)
    for tenth in range(120):
        gate.note(Path("a"), tenth / 10)

    assert gate.due_at == 10


@given(st.lists(st.floats(0, 3), min_size=1, max_size=80))
def test_a_loop_is_never_faster_than_allowed(waits: list[float]) -> None:
    """However the changes come: so many reactions in so long, then a pause."""
    guard, now = LoopGuard(), 0.0
    acted: list[float] = []
    for wait_s in waits:
        now += wait_s
        if guard.is_paused(now):
            continue
        if guard.allows(now):
            acted.append(now)
        else:
            assert guard.is_paused(now)
            assert not guard.is_paused(now + PAUSE_S)

    for at in acted:
        assert sum(1 for other in acted if at - WITHIN_S < other <= at) <= MOST_REACTIONS
