import os
import random
import socket

import pytest

from intertie.errors import DriverError
from intertie.runtime.ports import Ports, is_free, require_free
from tests.runtime.stage import chance


def test_no_port_is_given_twice() -> None:
    """Two replicas never get the same port, even before they listen."""
    ports = Ports(chance(1))

    given = [ports.take("api") for _ in range(300)]

    assert len(set(given)) == 300


def test_a_port_that_was_given_back_can_be_given_again() -> None:
    """A port is out of use only while somebody has it."""
    ports = Ports(Few(1))
    given = [ports.take("api") for _ in range(5)]

    ports.give_back(given[2])

    assert given[2] in {ports.take("api") for _ in range(5)}


def test_a_claimed_port_is_not_given() -> None:
    """The port of an adopted replica stays its own."""
    free = Ports(Few(1)).take("api")
    ports = Ports(Few(1))
    ports.claim(free)

    assert ports.take("api") != free


def test_a_fixed_port_is_not_given() -> None:
    """Also before the service that it belongs to listens there."""
    fixed = Ports(Few(1)).take("api")
    ports = Ports(Few(1))
    ports.keep_for({fixed})

    assert ports.take("api") != fixed


class Few(random.Random):  # noqa: S311
    """Knows few ports only, so that it comes back to each."""

    def randint(self, a: int, b: int) -> int:
        """A small part of the range."""
        return super().randint(a, a + 9)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_port_somebody_listens_on_is_not_free(host: str) -> None:
    """Whatever address it is bound to."""
    with socket.create_server((host, 0)) as other:
        port = other.getsockname()[1]
        assert not is_free(port)

    assert is_free(port)


@pytest.mark.anyio
async def test_the_holder_of_a_port_is_named() -> None:
    """The error says who has it and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DriverError) as caught:
            await require_free(port, "api")

    assert f"port {port} is taken by pid {os.getpid()} (" in str(caught.value)
    assert caught.value.service == "api"


@pytest.mark.anyio
async def test_a_free_port_is_no_error() -> None:
    """Nobody is asked for a port that is free."""
    await require_free(Ports().take("api"), "api")
