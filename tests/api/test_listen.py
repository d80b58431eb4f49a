import gc
import socket
from pathlib import Path

import pytest

from intertie.api.listen import bind, bind_socket
from intertie.errors import DaemonError


def test_a_taken_port_is_told_with_what_to_do() -> None:
    """The error names the address and the key of the suite file."""
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(DaemonError, match=rf"cannot listen on 127\.0\.0\.1:{port}.*port: auto"):
            bind("127.0.0.1", port)


def test_an_answer_is_not_held_back() -> None:
    """The socket says that it is TCP: what sends small pieces without delay asks for that."""
    with bind("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_the_socket_a_killed_process_left_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its owner may talk through it."""
    monkeypatch.chdir(tmp_path)
    path = Path("a.sock")

    with bind_socket(path), bind_socket(path) as second, socket.socket(socket.AF_UNIX) as client:
        client.connect("a.sock")
        accepted, _ = second.accept()
        accepted.close()
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_place_that_is_none_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    """Neither for it nor open."""
    with pytest.raises(FileNotFoundError):
        bind_socket(tmp_path / "nowhere" / "a.sock")
    gc.collect()  # a socket that is only forgotten is told of here
