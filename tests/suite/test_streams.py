"""What a suite file may say of streams."""

from collections.abc import Callable

import pytest

from intertie.suite.streams import Stream

Told = Callable[..., list[str]]
HEAD = """
suite: x
services:
  db: {command: x, port: 5000}
  idle: {command: x}
gateway:
"""


@pytest.mark.parametrize(("protocol", "idle_s"), [("tcp", 3600.0), ("tls", 3600.0), ("udp", 60.0)])
def test_what_says_nothing_is_given_up_after_a_while(protocol: str, idle_s: float) -> None:
    """A conversation of datagrams has no end that anybody could see."""
    made = Stream.model_validate({"port": 5432, "service": "db", "protocol": protocol})

    assert made.idle_s == idle_s
    said = made.model_copy(update={"idle_timeout": 5.0})
    assert said.idle_s == 5.0


@pytest.mark.parametrize(
    ("gateway", "fault"),
    [
        ("streams: [{port: 5001, service: bd}]", "streams[0].service: no service is called 'bd'"),
        ("streams: [{port: 5001, service: idle}]", "streams[0].service: `idle` has no port"),
        ("streams: [{port: 5001, service: db, hosts: a.b}]", "only a client that speaks TLS"),
        ("streams: [{port: 5000, service: db}]", "port 5000 is already that of"),
        (
            "streams: [{port: 1, service: db, protocol: tls}, {port: 1, service: db}]",
            "streams[1].port: port 1 is already that of `gateway.streams.0.port`",
        ),
        (
            "streams: [{port: 1, service: db, protocol: tls, hosts: [a.b, c.d]},"
            " {port: 1, service: db, protocol: tls, hosts: c.d}]",
            "streams[1].port: another stream has the same port, and the same hosts",
        ),
        (
            "streams: [{port: 1, service: db, protocol: udp},"
            " {port: 1, service: db, protocol: udp}]",
            "streams[1].port: another stream has the same port",
        ),
        (
            "streams: [{port: 1, service: db}]\n"
            "  security: {addresses: {countries: [DE]}, geo_database: g.mmdb}",
            "has countries, which streams cannot look at",
        ),
    ],
)
def test_a_stream_that_cannot_be_is_refused(told: Told, gateway: str, fault: str) -> None:
    """When the file is read, with the key."""
    assert any(fault in each for each in told(f"{HEAD}  {gateway}\n"))


def test_streams_of_tls_share_a_port_by_their_hosts(load_text: Callable[[str], object]) -> None:
    """And one without hosts takes the others; UDP has ports of its own."""
    load_text(
        f"{HEAD}  streams:\n"
        "    - {port: 443, service: db, protocol: tls, hosts: a.b}\n"
        "    - {port: 443, service: db, protocol: tls, hosts: '*.c.d'}\n"
        "    - {port: 443, service: db, protocol: tls}\n"
        "    - {port: 443, service: db, protocol: udp}\n"
    )
