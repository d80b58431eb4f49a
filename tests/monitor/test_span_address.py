"""Where services send their spans."""

import socket
import stat
from pathlib import Path

import pytest

from intertie.errors import StoreError
from intertie.monitor.span_address import listen


def test_the_address_stays_the_same(tmp_path: Path) -> None:
    """Services that outlive a daemon know it by heart; only its owner can read it."""
    path = tmp_path / "new" / "traces.json"
    listener, first = listen(path)
    listener.close()
    listener, second = listen(path)
    listener.close()

    assert first == second
    assert len(first.token) >= 32
    assert first.token not in repr(first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.url == f"http://127.0.0.1:{first.port}"


def test_a_port_that_is_taken_is_given_up(tmp_path: Path) -> None:
    """For another one, from then on; the key stays."""
    path = tmp_path / "traces.json"
    holder, first = listen(path)
    with holder:
        listener, second = listen(path)
    listener.close()
    listener, third = listen(path)
    listener.close()

    assert first.port != second.port
    assert first.token == second.token
    assert third == second


def test_it_listens_at_once_and_on_this_machine_only(tmp_path: Path) -> None:
    """Nobody from elsewhere gets there."""
    listener, address = listen(tmp_path / "traces.json")
    with listener, socket.create_connection(("127.0.0.1", address.port)):
        assert listener.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": "x", "token": ""}', '{"port": 1}'])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, text: str) -> None:
    """With what to do; no other key is made in silence."""
    path = tmp_path / "traces.json"
    path.write_text(text)

    with pytest.raises(StoreError, match="remove the file"):
        listen(path)
