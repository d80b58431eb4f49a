"""The suite's AsyncAPI document: every topic, who sends and reads it, and what it carries."""

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from intertie.bus.envelope import encode
from intertie.control.asyncapi import PAYLOADS, render
from intertie.control.asyncapi_schema import Json
from intertie.event import ControlAnswered, Event, ServiceStopped
from intertie.suite.bus import QueueType
from intertie.suite.topics import Topic
from tests.control.asyncapi_documents import ASSET, made, server, topics
from tests.npm_peer import NODE, installed

ROOT = Path(__file__).resolve().parents[2]
PARSER = Path(__file__).parent / "asyncapi_parser"
COMMANDS = ("suite.control.start", "suite.control.stop", "suite.control.restart")

Loose = dict[str, Any]  # Any: a document is looked into at many depths


def loose(document: Json) -> Loose:
    """As whoever fetches it has it."""
    found: Loose = json.loads(json.dumps(document))
    return found


@pytest.fixture(scope="module")
def full() -> Loose:
    """With topics of every kind."""
    return loose(made(server(), topics()))


def validator(document: Loose, address: str) -> jsonschema_rs.Validator:
    """Checks what travels on a topic, envelope and data."""
    payload = document["components"]["messages"][address]["payload"]
    return jsonschema_rs.validator_for(
        {**payload, "components": document["components"]}, validate_formats=True
    )


@pytest.mark.slow
def test_every_payload_of_the_code_is_listed() -> None:
    """A new event is in the document, or this fails."""
    texts = (path.read_text() for path in (ROOT / "src/intertie").rglob("*.py"))
    declared = re.compile(r"^class (\w+)\((?:.*\b)?Payload\b.*\):", re.MULTILINE)
    classes = {name for text in texts for name in declared.findall(text)}

    assert {each.__name__ for each in PAYLOADS} == classes
    assert len({each.type for each in PAYLOADS}) == len(PAYLOADS)


def test_every_topic_has_a_channel(full: Loose) -> None:
    """Intertie's own, with one for each command, and those of the suite file."""
    own = {each.type for each in PAYLOADS} - {"suite.control"}

    assert set(full["channels"]) == {*own, *COMMANDS, *topics()}
    assert all(name == each["address"] for name, each in full["channels"].items())


def test_directions_are_those_of_the_suite(full: Loose) -> None:
    """It sends what one of it publishes, and receives what one of it reads."""
    found = {
        name: (each["action"], [tag["name"] for tag in each["tags"]])
        for name, each in full["operations"].items()
    }

    assert found["send.suite.service_error"] == ("send", ["Intertie"])
    assert found["receive.suite.control.start"] == ("receive", ["Intertie"])
    assert found["send.asset.processed"] == ("send", ["encode"])
    assert found["receive.asset.processed"] == ("receive", ["library", "search"])
    assert found["receive.from-outside"] == ("receive", ["library"])
    assert {name for name in found if name.endswith((".evil", ".from-outside"))} == {
        "receive.from-outside"
    }


@pytest.mark.parametrize("address", COMMANDS)
def test_a_command_has_its_answer(full: Loose, address: str) -> None:
    """On one topic, known by the key."""
    reply = full["operations"][f"receive.{address}"]["reply"]
    messages = full["components"]["messages"]

    assert reply["channel"] == {"$ref": f"#/channels/{ControlAnswered.type}"}
    for name in (address, ControlAnswered.type):
        assert messages[name]["correlationId"]["location"] == (
            "$message.payload#/data/idempotency_key"
        )


def test_a_suite_that_obeys_nobody_has_no_commands() -> None:
    """Nor the answers to them."""
    found = loose(made(replace(server(), obeys=False), {}))

    assert not [name for name in found["channels"] if name.startswith("suite.control")]
    assert "ControlCommand" not in found["components"]["schemas"]
    assert "suite.service_error" in found["channels"]


def test_an_event_as_sent_is_as_described(full: Loose) -> None:
    """What the bus carries passes the document's schema; what it never carries does not."""
    data = ServiceStopped(service="web", replica=0, pid=1, exit_code=None, signal=9, wanted=False)
    event = Event.model_validate(
        {
            "id": "1",
            "source": "intertie/media",
            "type": ServiceStopped.type,
            "subject": "web",
            "time": "2026-01-31T12:00:00Z",
            "data": data.model_dump(mode="json"),
        }
    )
    sent: Loose = json.loads(encode(event))
    checked = validator(full, ServiceStopped.type)

    assert checked.is_valid(sent)
    assert not checked.is_valid({**sent, "type": "suite.service_started"})
    assert not checked.is_valid({**sent, "data": {"service": "web"}})
    assert not checked.is_valid({key: each for key, each in sent.items() if key != "subject"})


def test_a_command_may_say_little(full: Loose) -> None:
    """Neither services nor key nor subject nor time are asked for."""
    envelope = {"specversion": "1.0", "id": "1", "source": "me", "type": "suite.control.stop"}
    checked = validator(full, "suite.control.stop")

    assert checked.is_valid({**envelope, "data": {}})
    assert not checked.is_valid({**envelope, "data": {"services": "all"}})


def test_a_declared_schema_checks_as_it_did(full: Loose) -> None:
    """With what it refers to within itself, and what stands beside such a reference."""
    checked = validator(full, "asset.processed")
    before = jsonschema_rs.validator_for(ASSET, validate_formats=True)
    asset: Loose = {"id": "0190a8c0-0000-7000-8000-000000000000", "owner": {"mail": None}}
    envelope = {"specversion": "1.0", "id": "1", "source": "encode", "type": "asset.processed"}

    for good in (asset, {**asset, "next": asset}, {**asset, "sizes": [1]}):
        assert before.is_valid(good)
        assert checked.is_valid({**envelope, "data": good})
    for bad in ({}, {**asset, "owner": {}}, {**asset, "next": {}}, {**asset, "sizes": [0]}):
        assert not before.is_valid(bad)
        assert not checked.is_valid({**envelope, "data": bad})


def test_every_example_is_as_described(full: Loose) -> None:
    """And every topic has one."""
    for address, message in full["components"]["messages"].items():
        assert message["examples"], address
        for each in message["examples"]:
            assert validator(full, address).is_valid(each["payload"]), address


def test_ordering_and_priorities_are_told(full: Loose) -> None:
    """Where the suite file says so; Intertie's events are ordered by their subject."""
    declared = full["channels"]["asset.processed"]

    assert declared["x-ordering-key"] == "$message.payload#/data/id"
    assert declared["x-priorities"] == ["high", "normal", "low"]
    assert full["channels"]["suite.change"]["x-ordering-key"] == "$message.payload#/subject"
    assert "x-priorities" not in full["channels"]["evil"]


def test_a_schema_must_be_read_first() -> None:
    """A path in the document would be nobody's."""
    unread = {"a": Topic.model_validate({"schema": "a.json"})}

    with pytest.raises(TypeError, match="a is not read"):
        made(server(), unread)


def test_the_rendered_document_is_stable() -> None:
    """For the file in the repository."""
    assert render() == render()
    assert render().endswith("}\n")
    assert json.loads(render())["asyncapi"] == "3.0.0"


@pytest.fixture(scope="session")
def parser() -> Path:
    """The official parser with our script beside it, installed once and shared by all runs."""
    return installed(PARSER)


def parsed(parser: Path, tmp_path: Path, documents: dict[str, Loose]) -> dict[str, Loose]:
    """What the official parser says of each."""
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    paths = {name: str(tmp_path / f"{name}.json") for name in documents}
    told = subprocess.run(
        [NODE, "check.mjs", *paths.values()],
        cwd=parser,
        check=True,
        capture_output=True,
        timeout=300,
    )
    found: dict[str, Loose] = json.loads(told.stdout)
    return {name: found[path] for name, path in paths.items()}


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_official_parser_finds_no_fault(parser: Path, tmp_path: Path) -> None:
    """No error and no warning, whatever the engine and whatever is declared."""
    documents = {f"{each.value}": loose(made(server(each), topics())) for each in QueueType}
    documents |= {f"{each.value}-bare": loose(made(server(each), {})) for each in QueueType}
    documents["rendered"] = json.loads(render())
    secured = replace(server(QueueType.RABBITMQ), tls=True, signs_in=True, virtual_host="/a {b}")
    fleeting = replace(server(QueueType.REDIS), mode="pubsub", obeys=False)
    documents["secured"] = loose(made(secured, {}))
    documents["fleeting"] = loose(made(fleeting, topics()))

    found = parsed(parser, tmp_path, documents)

    assert {name: each["faults"] for name, each in found.items()} == {key: [] for key in documents}
    for name, each in found.items():
        assert sorted(each["channels"]) == sorted(documents[name]["channels"])


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_official_parser_finds_what_is_wrong(parser: Path, tmp_path: Path) -> None:
    """So that its silence means something."""
    no_reference = loose(made(server(), {}))
    no_reference["operations"]["send.suite.change"]["channel"]["$ref"] = "#/channels/none"
    no_action = loose(made(server(), {}))
    no_action["operations"]["send.suite.change"]["action"] = "shout"
    no_binding = loose(made(server(QueueType.RABBITMQ), {}))
    no_binding["channels"]["suite.change"]["bindings"]["amqp"]["exchange"]["type"] = "round"
    no_schema = loose(made(server(), topics()))
    no_schema["components"]["schemas"]["topic.asset.processed"]["type"] = "text"

    found = parsed(
        parser,
        tmp_path,
        {
            "reference": no_reference,
            "action": no_action,
            "binding": no_binding,
            "schema": no_schema,
        },
    )

    assert all(each["faults"] for each in found.values()), found
