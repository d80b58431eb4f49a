"""Schemas of topics in files of their own, and topics that do not fit the suite."""

import json
from pathlib import Path

import pytest

from intertie.suite.topic_files import faults, read_schema, read_topics
from intertie.suite.topics import Topic

ASSET = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}


def topic(**keys: object) -> Topic:
    """As it stands in a suite file."""
    return Topic.model_validate(keys)


def test_a_schema_in_the_suite_file_needs_no_other(tmp_path: Path) -> None:
    """Nor does none."""
    assert read_schema(topic(schema=ASSET), tmp_path) == ASSET
    assert read_schema(Topic(), tmp_path) is None


def test_a_file_of_brackets_does_no_harm(tmp_path: Path) -> None:
    """It is refused."""
    (tmp_path / "a.json").write_text('{"not":' * 100_000)

    with pytest.raises(ValueError, match=r"levels|JSON"):
        read_schema(topic(schema="a.json"), tmp_path)


@pytest.mark.parametrize("name", ["sub/a.json", "a.yaml", "a.yml"])
def test_a_schema_is_read_from_its_file(tmp_path: Path, name: str) -> None:
    """The path starts in the suite file's folder."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(ASSET))

    read = read_topics({"a": topic(schema=name, description="d"), "b": Topic()}, tmp_path)

    assert read["a"].payload_schema == ASSET
    assert read["a"].description == "d"
    assert read["b"] == Topic()


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("none.json", None, "No such file"),
        ("a.json", "{", "expected JSON"),
        ("a.json", "[]", "a map"),
        ("a.yaml", "a: 1\na: 2", "line 2"),
        ("a.yaml", "", "a map"),
        ("a.yaml", "type: text", "expected a JSON Schema"),
        ("a.json", " " * (1 << 20) + "{}", "larger than 1 MiB"),
        ("a.json", '{"$ref": "b.json"}', "begin with"),
    ],
)
def test_a_faulty_file_is_told_of(tmp_path: Path, name: str, text: str | None, why: str) -> None:
    """With the topic and the reason; none is read by half."""
    if text is not None:
        (tmp_path / name).write_text(text)

    with pytest.raises(ValueError, match=f"cannot read the schema of topic a: .*{why}"):
        read_topics({"a": topic(schema=name)}, tmp_path)


def test_faults_between_topics_and_the_rest(tmp_path: Path) -> None:
    """Services that are none, schemas that cannot be read, keys that the schema lacks."""
    topics = {
        "a": topic(publishers=["web", "wbe"], subscribers=["web"], schema=ASSET, key="id"),
        "b": topic(schema="none.json"),
        "c": topic(schema=ASSET, key="idd"),
    }

    found = list(faults(topics, services={"web"}, folder=tmp_path))

    assert [keys for keys, _, _ in found] == [("a", "publishers", 1), ("b", "schema"), ("c", "key")]
    assert found[0][1:] == ("no service is called 'wbe'", "did you mean `web`?")
    assert "No such file" in found[1][1]
    assert found[2][1:] == ("the schema has no field 'idd'", "did you mean `id`?")
