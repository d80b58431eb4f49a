from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intertie.errors import SuiteError
from intertie.suite import Loaded, load

Write = Callable[..., Path]
LoadText = Callable[..., Loaded]
Check = Callable[..., list[str]]
WEB = "suite: x\nservices:\n  web:\n    command: x %s\n"


def test_a_loaded_suite_knows_where_it_comes_from(write: Write, tmp_path: Path) -> None:
    """Folder, files and the place of each key."""
    path = write(WEB % "${file:part}", "suite.yaml")
    write("value\n", "part")
    write("A=1\n", ".env")

    loaded = load(path, env={})

    assert loaded.suite.services["web"].command == ("x", "value")
    assert loaded.folder == tmp_path
    assert loaded.environment is None
    assert [file.name for file in loaded.files] == [".env", "suite.yaml", "part"]
    assert str(loaded.places["services", "web", "command"]) == f"{path}:4:5"


def test_the_environment_wins_over_the_env_file(write: Write, load_text: LoadText) -> None:
    """The file gives what the environment lacks; quotes and comments are understood."""
    write("A=file\nexport B='b c' # why\nC\nD=${A}\n", ".env")
    text = "suite: x\nservices: {web: {command: x, environment: {V: '%s'}}}"

    loaded = load_text(text % "${env:A} ${env:B} ${env:C:-none} ${env:D}", env={"A": "real"})

    assert loaded.suite.services["web"].environment["V"] == "real b c none ${A}"


def test_the_process_environment_is_the_default(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller who gives none gets its own."""
    monkeypatch.setenv("INTERTIE_TEST_WORD", "here")

    loaded = load(write(WEB % "${env:INTERTIE_TEST_WORD}"))

    assert loaded.suite.services["web"].command == ("x", "here")


def test_a_faulty_env_file_is_told(write: Write, told: Check) -> None:
    """With its line; one that cannot be read at all likewise."""
    write("A=1\n=nothing\n", ".env")
    assert told(WEB % "")[0] == ".env:2:1: expected NAME=value"

    write("", ".env").write_bytes(b"\xff")
    assert told(WEB % "") == [".env: cannot read .env: line 1 is not UTF-8 text"]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """No line, only the name and the reason."""
    with pytest.raises(SuiteError) as caught:
        load(tmp_path / "suite.yaml", env={})

    assert str(caught.value) == (
        f"{tmp_path}/suite.yaml: cannot read {tmp_path}/suite.yaml: No such file or directory"
    )


def test_an_empty_file_is_told(told: Check) -> None:
    """What was expected instead."""
    assert told("") == [
        "suite.yaml:1:1: expected a map of keys such as `services`, got an empty file"
    ]


@pytest.mark.parametrize(
    ("argument", "variable", "port"),
    [(None, "", 1), (None, "two", 2), ("three", "two", 3), ("three", "", 3)],
)
def test_the_overlay_is_chosen_by_argument_or_variable(
    load_text: LoadText, argument: str | None, variable: str, port: int
) -> None:
    """The argument wins; an empty variable chooses none."""
    text = """\
        suite: x
        services: {web: {command: x, port: 1}}
        environments:
          two: {services: {web: {port: 2}}}
          three: {services: {web: {port: 3}}}
        """

    loaded = load_text(text, env={"INTERTIE_ENV": variable}, environment=argument)

    assert loaded.suite.services["web"].port == port


def test_an_unknown_overlay_is_told_beside_all_else(told: Check) -> None:
    """Also where the file has none."""
    faults = told(WEB % "${env:X}", environment="live")

    assert len(faults) == 2
    assert faults[0].endswith("no environment is called 'live'; there are: none")


def test_variables_of_overlays_not_in_use_are_not_needed(load_text: LoadText) -> None:
    """Nor those of values that an overlay replaced."""
    text = """\
        suite: x
        services: {web: {command: "${env:COMMAND}"}}
        environments:
          here: {services: {web: {command: x}}}
          there: {services: {web: {command: "${env:OTHER}"}}}
        """

    assert load_text(text, environment="here").suite.services["web"].command == ("x",)


def test_an_inherited_fault_is_told_once(told: Check) -> None:
    """Where it was written, however many services extend it."""
    faults = told(
        """\
        suite: x
        services:
          base: {command: x, replicas: 0, zzz: 1}
          one: {extends: base}
          two: {extends: one}
        """
    )

    assert [fault.split(": ")[1] for fault in faults] == [
        "services.base.replicas",
        "services.base.zzz",
    ]


def test_services_that_are_no_map_are_told(told: Check) -> None:
    """Nothing after that looks into them."""
    assert told("suite: x\nservices: [1]") == [
        "suite.yaml:2:1: services: expected a map of keys, got a list"
    ]


def test_faults_come_in_the_order_of_the_files(write: Write, told: Check) -> None:
    """First those of the file itself, then those of what it includes."""
    write("services: {part: {command: x, zzz: 1}}", "part.yaml")

    faults = told("include: part.yaml\nsuite: x\nservices: {web: {command: x, zzz: 1}}\nzz: 1")

    assert [fault.split(": ")[0] for fault in faults] == [
        "suite.yaml:3:30",
        "suite.yaml:4:1",
        "part.yaml:1:31",
    ]


def test_keys_that_begin_with_x_are_ours_to_ignore(load_text: LoadText) -> None:
    """A place for anchors, as in Docker Compose; what they hold is not looked into."""
    loaded = load_text("x-web: &web {command: x}\nx-y: ${nothing}\nsuite: x\nservices: {web: *web}")

    assert loaded.suite.services["web"].command == ("x",)


KEYS = st.sampled_from(
    ["suite", "services", "gateway", "api", "include", "environments", "extends", "command",
     "environment", "depends_on", "healthcheck", "restart", "routes", "port", "web", "path",
     "service", "profiles", "env_file", "working_dir", "file", "strip_prefix", "x-y", "here"]
)  # fmt: skip
WORDS = KEYS | st.sampled_from(
    ["x", "1", "auto", "~", "true", "'${env:A}'", "'${secret:a}'", "'${file:..}'", "/a/{b}", "*a",
     "'${'", "&a y", "[]", "{}", "''"]
)  # fmt: skip
FLOW = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.dictionaries(KEYS, inner, max_size=4).map(
            lambda d: "{" + ", ".join(f"{k}: {v}" for k, v in d.items()) + "}"
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, FLOW, max_size=5), st.sampled_from([None, "here"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_file_makes_it_fail_otherwise(
    tmp_path: Path, keys: dict[str, str], environment: str | None
) -> None:
    """Any file gives a suite or faults with places, never another exception."""
    path = tmp_path / "suite.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))

    outcome: Loaded | SuiteError
    try:
        outcome = load(path, env={"A": "b"}, environment=environment)
    except SuiteError as exc:
        outcome = exc

    if isinstance(outcome, SuiteError):
        assert outcome.faults
        assert len({str(fault) for fault in outcome.faults}) == len(outcome.faults)
    else:
        assert outcome.suite.services
