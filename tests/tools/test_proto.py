"""The protocol compiler, and what a change would break."""

import re
from pathlib import Path

import pytest

from tools.generate import SCHEMAS
from tools.proto import FILE, SOURCES, ProtoError, broken, check, compiled, shape

TEXT = (SOURCES / FILE).read_text()


def changed(folder: Path, text: str) -> bytes:
    """The descriptors of another version of the file."""
    file = folder / FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return compiled(folder)["desc"]


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("string name = 1;\n  // Whether", "string label = 1;\n  // Whether", "Service #1"),
        ("bool engine = 2;", "bool engine = 20;", "Service #2"),
        ("bool engine = 2;", "", "Service #2"),
        ("int32 total = 2;", "int64 total = 2;", "ListServicesResponse #2"),
        ("repeated string depends_on = 4;", "string depends_on = 4;", "Service #4"),
        ("STATUS_UP = 1;", "STATUS_WELL = 1;", "Status #1"),
        ("returns (stream Event)", "returns (Event)", "ControlService/WatchEvents"),
        ("rpc GetPlan(", "rpc ShowPlan(", "ControlService/GetPlan"),
    ],
)
def test_what_breaks_programs_is_refused(
    tmp_path: Path, before: str, after: str, place: str
) -> None:
    """Names, numbers, types and methods stay; the place is told."""
    assert before in TEXT
    found = changed(tmp_path, TEXT.replace(before, after, 1))
    published = tmp_path / "control.desc"
    published.write_bytes(compiled()["desc"])

    assert any(f"intertie.v1.{place}:" in line for line in broken(compiled()["desc"], found))
    with pytest.raises(ProtoError, match=re.escape(place)):
        check(published, found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bool engine = 2;", "reserved 2;"),
        ("bool engine = 2;", "bool engine = 2;\n  string note = 90;"),
        ("STATUS_DOWN = 3;", "STATUS_DOWN = 3;\n  STATUS_AWAY = 4;"),
        ("message GetPlanRequest {}", "message GetPlanRequest { bool all = 1; }"),
    ],
)
def test_what_breaks_nothing_is_taken(tmp_path: Path, before: str, after: str) -> None:
    """A field may be added, and one that goes is reserved."""
    assert before in TEXT
    found = changed(tmp_path, TEXT.replace(before, after, 1))

    assert broken(compiled()["desc"], found) == []


def test_a_reserved_number_stays_reserved(tmp_path: Path) -> None:
    """It is never given to another field."""
    before = changed(tmp_path / "1", TEXT.replace("bool engine = 2;", "reserved 2;", 1))
    after = changed(tmp_path / "2", TEXT.replace("bool engine = 2;", "bool other = 2;", 1))

    assert broken(before, after)


def test_a_number_used_twice_does_not_compile(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nor does what is no protobuf."""
    with pytest.raises(ProtoError, match="cannot compile"):
        changed(tmp_path, TEXT.replace("bool engine = 2;", "bool engine = 1;", 1))

    assert "already been used" in capfd.readouterr().err


def test_the_published_file_breaks_nothing() -> None:
    """proto/ goes with the committed descriptors."""
    assert broken((SCHEMAS / "control.desc").read_bytes(), compiled()["desc"]) == []


def test_names_follow_the_style_guide() -> None:
    """Fields in snake_case; values carry their enum's name, and zero is UNSPECIFIED."""
    for place, told in shape(compiled()["desc"]).items():
        name = told.split(",")[0]
        if "Status #" in place and "." not in place.removeprefix("intertie.v1."):
            enum = place.removeprefix("intertie.v1.").split(" ")[0]
            prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum).upper()
            assert name.startswith(prefix), place
            assert not place.endswith("#0") or name == f"{prefix}_UNSPECIFIED"
        elif " #" in place:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name), place
