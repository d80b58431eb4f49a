"""The hardened listener: what hostile clients try, and what everybody is told."""

import json
import socket
from pathlib import Path

import pytest
from anyio import to_thread

from intertie.gateway.listener import bootstrap, flat
from intertie.suite.model import Gateway
from tests.gateway.stage import Door, client, door, suite_of, upstream
from tests.gateway.test_envoy import resources_of
from tests.waiting import eventually

live = [pytest.mark.anyio, pytest.mark.slow]

# Ways past a rule for `/secret` that worked on some gateway, sooner or later.
BYPASSES = """
//secret
///secret
/./secret
/.//secret
/open/../secret
/open/..//secret
/open/./../secret
/open/%2e%2e/secret
/open/%2e%2e%2fsecret
/open/.%2e/secret
/open/%2E%2E/secret
/open/..%2fsecret
/open/..%2Fsecret
/open/..%5csecret
/open/..\\secret
/open\\..\\secret
/open/%2e%2e%5csecret
/open/..;/secret
/open/..;x=1/secret
/open/;/../secret
/open/%252e%252e/secret
/open/%252e%252e%252fsecret
/open/%25%32%65%25%32%65/secret
/open/%c0%ae%c0%ae/secret
/open/%uff0e%uff0e/secret
/open//../secret
/open/..././secret
/open/....//secret
/open/x/../../secret
/open/../../secret
/open/../open/../secret
/%73ecret
/%73%65%63%72%65%74
/s%65cret
/secre%74
/%2fsecret
/%2Fsecret
/%5csecret
/%2e/secret
/%2e%2fsecret
/secret%2f
/secret/
/secret//
/secret/.
/secret/..;/secret
/secret/../secret
/secret%20
/secret%09
/secret%00
/secret;
/secret;x=1
/secret?
/secret?x=/open
/secret#/open
/secret/%2e%2e/secret
/open/../secret?x=/open
/open?/../secret
/open#/../secret
/open/%23/../../secret
/open/%3f/../../secret
/\\secret
/.;/secret
/;/secret
http://other/secret
http://127.0.0.1//secret
""".split()


@pytest.mark.parametrize("path", ["/open", "/closed/%2e%2e/open/x"])
def test_nothing(path: str) -> None:
    """x."""
    assert path


async def sent(made: Door, request: bytes) -> bytes:
    """What the gateway answers to raw bytes, until it closes."""

    def talk() -> bytes:
        assert isinstance(made.gateway.port, int)
        with socket.create_connection(("127.0.0.1", made.gateway.port), timeout=10) as peer:
            peer.sendall(request)
            return b"".join(iter(lambda: peer.recv(65536), b""))

    return await to_thread.run_sync(talk)


def get(path: str, *headers: str) -> bytes:
    """A request with the path exactly as given."""
    lines = [f"GET {path} HTTP/1.1", "host: test", "connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status(answer: bytes) -> int:
    """Of an answer that has one."""
    return int(answer.split(b" ", 2)[1])
