import socket

import pytest

from intertie.app.addresses import addresses, host_names, is_loopback, reachable
from intertie.suite.model import Suite


def suite(**keys: object) -> Suite:
    """A suite with one service."""
    return Suite.model_validate({"suite": "x", "services": {"a": {"command": "a"}}, **keys})


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("media.example", "media.example"),
    ],
)
def test_an_address_to_listen_on_has_one_to_connect_to(host: str, found: str) -> None:
    """Every address of the machine is reached by loopback; IPv6 stands in brackets."""
    assert reachable(host) == found


def test_the_gateway_comes_before_the_api() -> None:
    """It is what most clients want."""
    gateway = {"host": "0.0.0.0", "port": 8000}  # noqa: S104
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert dict(addresses(suite(), listener)) == {"api": f"http://127.0.0.1:{port}"}
        assert list(addresses(suite(gateway=gateway), listener).items()) == [
            ("gateway", "http://127.0.0.1:8000"),
            ("api", f"http://127.0.0.1:{port}"),
        ]


def test_only_loopback_answers_to_loopback_names_alone() -> None:
    """A page whose name was made to point here gets nothing."""
    near = ("localhost", "127.8.0.1", "::1")
    far = ("10.0.0.1", "host.example")
    assert [is_loopback(host) for host in (*near, *far)] == [True] * 3 + [False] * 2
    assert "localhost" in host_names("127.0.0.1")
    assert host_names("0.0.0.0") == ["*"]  # noqa: S104
