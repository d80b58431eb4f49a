"""The suite file's `bus:`."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from intertie.errors import SuiteError
from intertie.suite import load
from intertie.suite.bus import Bus, QueueConfig, QueueType

TEXT = "suite: x\nservices: {a: {command: sleep 1}}\n"


def fault(folder: Path, bus: str) -> str:
    """What `check` says of it."""
    (folder / "suite.yaml").write_text(TEXT + f"bus: {bus}\n")
    with pytest.raises(SuiteError) as caught:
        load(folder / "suite.yaml", env={})
    return str(caught.value)


def test_nothing_need_be_said(tmp_path: Path) -> None:
    """An empty section is an embedded bus, none is none."""
    (tmp_path / "suite.yaml").write_text(TEXT + "bus: {}\n")
    bus = load(tmp_path / "suite.yaml", env={}).suite.bus

    assert bus is not None
    assert bus.config(None) == QueueConfig(QueueType.EMBEDDED)


def test_every_setting_reaches_the_client() -> None:
    """Under the same name."""
    bus = Bus.model_validate(
        {
            "queue_type": "rabbitmq",
            "host": "mq",
            "port": 5673,
            "username": "u",
            "password": "${secret:bus}",
            "virtual_host": "/media",
            "exchange": "media-events",
            "max_tries": 7,
            "retention": "1h",
            "max_size": "64MB",
        }
    )

    assert bus.config("p") == QueueConfig(
        QueueType.RABBITMQ,
        host="mq",
        port=5673,
        username="u",
        password="p",
        virtual_host="/media",
        exchange="media-events",
        max_tries=7,
        retention=3600.0,
        max_size=64 << 20,
    )
    assert QueueConfig(QueueType.KAFKA).address == ("localhost", 9092)


def test_a_password_is_a_reference(tmp_path: Path) -> None:
    """A suite file is shown, stored and shared; the fault does not repeat what was written."""
    told = fault(tmp_path, "{queue_type: redis, password: hunter2}")

    assert "expected a reference such as ${secret:bus}, not the word itself" in told
    assert "hunter2" not in told


def test_mistakes_are_told_with_the_nearest_right(tmp_path: Path) -> None:
    """As everywhere in the file."""
    told = fault(tmp_path, "{queue_typ: redis, mode: pubsubs}")

    assert "did you mean `queue_type`?" in told
    assert "expected 'streams' or 'pubsub', got 'pubsubs' (did you mean `pubsub`?)" in told
    told = fault(tmp_path, "{queue_type: rabitmq}")
    assert "did you mean `rabbitmq`?" in told


def test_a_config_of_one_s_own_is_checked_too() -> None:
    """When it is made, not when it is used."""
    with pytest.raises(ValidationError, match="port"):
        QueueConfig(QueueType.REDIS, port=99999)
