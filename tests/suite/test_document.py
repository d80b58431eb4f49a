import os
from collections.abc import Callable
from pathlib import Path

import pytest

from intertie.errors import Fault
from intertie.suite.document import MAX_FILES, Documents, read_text
from intertie.suite.interpolate import MissingError
from intertie.suite.parse import MAX_BYTES
from intertie.suite.tree import Place, plain

Write = Callable[..., Path]


def documents(folder: Path, environment: str | None = None, **env: str) -> Documents:
    """The files of a suite in a folder."""
    return Documents(folder, env, environment, [])


def told(faults: list[Fault], folder: Path) -> list[str]:
    """What people read, without the folder."""
    return [str(fault).replace(f"{folder}/", "") for fault in faults]


def test_included_files_are_joined_in_order(write: Write, tmp_path: Path) -> None:
    """Relative to the file that names them; each once, though named twice."""
    path = write("include: [sub/one.yaml, '${env:TWO}']\nservices: {a: 1}\n")
    write("suite: one\ninclude: ../two.yaml\nservices: {b: 2}\n", "sub/one.yaml")
    write("services: {c: 3}\n", "two.yaml")
    files = documents(tmp_path, TWO="two.yaml")

    tree = files.open(path)

    assert files.faults == []
    assert tree is not None
    assert plain(tree) == {"services": {"a": 1, "b": 2, "c": 3}}
    assert [file.name for file in files.files] == ["suite.yaml", "one.yaml", "two.yaml"]


def test_files_that_include_each_other_are_a_fault(write: Write, tmp_path: Path) -> None:
    """The ring is named."""
    path = write("include: a.yaml\nservices: {s: 1}")
    write("include: b.yaml", "a.yaml")
    write("include: a.yaml", "b.yaml")
    files = documents(tmp_path)

    files.open(path)

    assert told(files.faults, tmp_path) == [
        "b.yaml:1:1: include: files include each other: a.yaml → b.yaml → a.yaml"
    ]


@pytest.mark.parametrize(
    ("include", "fault"),
    [
        ("gone.yaml", "1:1: include: cannot read gone.yaml: there is no such file"),
        ("[1]", "1:11: include[0]: expected a file name, or a list of them"),
        ("{a: 1}", "1:1: include: expected a file name, or a list of them"),
        ("['${env:X}']", "1:11: include[0]: environment variable X is not set"),
    ],
)
def test_a_faulty_include_is_told_where_it_stands(
    write: Write, tmp_path: Path, include: str, fault: str
) -> None:
    """The rest of the file is read all the same."""
    path = write(f"include: {include}\nservices: {{a: 1}}")
    files = documents(tmp_path)

    tree = files.open(path)

    assert told(files.faults, tmp_path)[0].startswith(f"suite.yaml:{fault}")
    assert tree is not None
    assert plain(tree) == {"services": {"a": 1}}


def test_faults_of_an_included_file_are_told(write: Write, tmp_path: Path) -> None:
    """An included file that cannot be read does not end the reading."""
    path = write("include: part.yaml\nservices: {a: 1}")
    write("- 1\n", "part.yaml")
    files = documents(tmp_path)

    files.open(path)

    assert told(files.faults, tmp_path) == [
        "part.yaml:1:1: expected a map of keys such as `services`, got something else"
    ]


def test_the_chosen_overlay_changes_its_file_and_what_it_includes(
    write: Write, tmp_path: Path
) -> None:
    """Other overlays do nothing; null takes a service away; a new key is added."""
    path = write(
        """\
        include: part.yaml
        api: {host: x}
        services: {a: {x: 1, y: 2}, b: {x: 1}}
        environments:
          one: {services: {a: {x: null}, b: null, part: {z: 3}}, api: null, gateway: {port: 1}}
          two: {services: null}
        """
    )
    write("services: {part: {x: 1}}\nenvironments: {one: {services: {part: {x: 9}}}}", "part.yaml")
    files = documents(tmp_path, "one")

    tree = files.open(path)

    assert files.faults == []
    assert tree is not None
    assert plain(tree) == {
        "services": {"a": {"x": None, "y": 2}, "part": {"x": 9, "z": 3}},
        "gateway": {"port": 1},
    }
    assert files.known_environments == {"one", "two"}


def test_an_overlay_can_take_all_services_away(write: Write, tmp_path: Path) -> None:
    """Then the checks tell that none is left."""
    files = documents(tmp_path, "none")

    tree = files.open(write("services: {a: 1}\nenvironments: {none: {services: null}}"))

    assert tree is not None
    assert plain(tree) == {}


def test_overlays_that_make_no_sense_are_faults(write: Write, tmp_path: Path) -> None:
    """Also those that are not in use."""
    path = write("environments: {one: 1, two: {suite: x, include: y, services: {}}}\nservices: 1")
    files = documents(tmp_path, "two")
    other = documents(tmp_path)

    files.open(path)
    other.open(write("environments: [one]", "other.yaml"))

    assert told(files.faults, tmp_path) == [
        "suite.yaml:1:16: environments.one: expected a map of keys to change",
        "suite.yaml:1:40: environments.two.include: `include` cannot differ between environments",
        "suite.yaml:1:30: environments.two.suite: `suite` cannot differ between environments",
    ]
    assert told(other.faults, tmp_path) == [
        "other.yaml:1:1: environments: expected a map of environment names"
    ]


def test_an_unknown_environment_is_a_fault_with_the_nearest_name(
    write: Write, tmp_path: Path
) -> None:
    """Running the wrong environment is worse than running none."""
    files = documents(tmp_path, "prodution")
    files.open(write("environments: {production: {}, test: {}}"))

    files.check_environment(Place(Path("suite.yaml"), 1, 1))

    assert told(files.faults, tmp_path) == [
        "suite.yaml:1:1: environments: no environment is called 'prodution'; "
        "there are: production, test (did you mean `production`?)"
    ]


def test_too_many_files_are_a_fault(write: Write, tmp_path: Path) -> None:
    """The number of files of a suite is bounded."""
    for n in range(MAX_FILES):
        write(f"x-{n}: 1", f"{n}.yaml")
    files = documents(tmp_path)

    files.open(write(f"include: [{', '.join(f'{n}.yaml' for n in range(MAX_FILES))}]"))

    [fault] = files.faults
    assert fault.message == f"a suite can have at most {MAX_FILES} files"


def test_a_value_comes_from_a_file_inside_the_folder_only(write: Write, tmp_path: Path) -> None:
    """No way out, neither by `..` nor by a link; one newline at the end is not part of it."""
    write("a b\n\n", "suite/value")
    write("hush", "outside")
    (tmp_path / "suite" / "link").symlink_to(tmp_path / "outside")
    files = documents(tmp_path / "suite")

    assert files.read_value("value") == "a b\n"
    assert files.read_value("value") == "a b\n"
    assert [file.name for file in files.files] == ["value"]
    for name in ("../outside", "link", str(tmp_path / "outside")):
        with pytest.raises(MissingError, match="outside the suite's folder"):
            files.read_value(name)


def test_what_is_no_text_file_cannot_be_read(tmp_path: Path) -> None:
    """Missing, too large, not text, not a file, no name: each is told; a pipe does not block."""
    (tmp_path / "large").write_bytes(b"x" * (MAX_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"a\n\xff")
    os.mkfifo(tmp_path / "pipe")

    for name, why in {
        "gone": "No such file or directory",
        "large": "larger than 1 MiB",
        "binary": "line 2 is not UTF-8 text",
        "pipe": "it is not a file",
        "a\0b": "its name is not valid",
    }.items():
        with pytest.raises(MissingError, match=why):
            read_text(tmp_path / name)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    """Some editors write one."""
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfa: 1")

    assert read_text(tmp_path / "bom") == "a: 1"
