import io
from pathlib import Path

import pytest

from intertie.plugins import PluginSettings, wire
from intertie.plugins.hooks import ServiceError


def test_messages_come_back_one_by_one() -> None:
    """And None at the end, also in the middle of a header."""
    stream = io.BytesIO(wire.pack({"id": 1}) + wire.pack({"é": [None, 1.5]}) + b"\0\0")

    assert wire.read(stream.read) == {"id": 1}
    assert wire.read(stream.read) == {"é": [None, 1.5]}
    assert wire.read(stream.read) is None


def test_what_is_too_large_is_refused_on_both_sides() -> None:
    """Neither side is made to take up memory by the other."""
    with pytest.raises(ValueError, match="at most"):
        wire.pack({"x": "y" * (wire.MAX_BYTES + 1)})
    with pytest.raises(ValueError, match="message of"):
        wire.size(b"\xff\xff\xff\xff")


def test_an_exception_is_one_again() -> None:
    """With its text and the name of its kind."""
    name, error = wire.revived(wire.plain(("api", OSError("gone"))))

    assert name == "api"
    assert isinstance(error, ServiceError)
    assert (str(error), error.kind) == ("gone", "OSError")


def test_settings_survive_the_way() -> None:
    """But for the strikes, which the host counts."""
    settings = PluginSettings(
        paths=(Path("/a"),), enabled=("x",), config={"x": {"k": [1]}}, max_failures=0
    )

    assert wire.settings_of(wire.unpack(wire.pack(wire.settings_message(settings))[4:])) == settings
