import socket

import pytest

from intertie.api.listen import bind
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
