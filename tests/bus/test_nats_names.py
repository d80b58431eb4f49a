"""What exchanges, groups and messages are called on NATS."""

import pytest

from intertie.bus.nats_names import (
    consumer_name,
    copy_headers,
    grave_headers,
    headers_of,
    message_of,
    names,
    reason_of,
    size_of,
    topic_of,
    tries_of,
)
from intertie.bus.port import Message


@pytest.mark.parametrize(
    ("pattern", "subjects"),
    [
        ("a.b", ["x.t.a.b"]),
        ("a.*", ["x.t.a.*"]),
        ("a.#", ["x.t.a", "x.t.a.>"]),
        ("*.#", ["x.t.*", "x.t.*.>"]),
        ("#", ["x.t.>"]),
    ],
)
def test_a_pattern_is_its_subjects(pattern: str, subjects: list[str]) -> None:
    """# is no word or more: the server's own > is one or more."""
    assert names("x").wanted(pattern) == subjects


def test_an_exchange_is_one_word() -> None:
    """Its dots must not make it look like a topic of another one."""
    assert names("a.t").topic("b") == "a=t.t.b"
    assert names("a.t").graves == "a=t=DEAD"


def test_no_two_groups_share_a_consumer() -> None:
    """Whatever their names and patterns."""
    long = ".".join(["w" * 60] * 4)
    pairs = [
        ("g", "a.b"),
        ("g", "a.*"),
        ("g", "a.#"),
        ("g", "a_b"),
        ("g-a", "b"),
        ("g", "a-b"),
        ("g", long),
        ("g", f"{long}.#"),
        ("h", long),
        ("g" * 100, long),
    ]

    found = [consumer_name(*pair) for pair in pairs]

    assert len(set(found)) == len(pairs)
    assert all(len(name) <= 200 and not set(name) & set(". *>/\\") for name in found)


def test_a_message_comes_back_as_it_was() -> None:
    """By its topic's subject and by a group's lane."""
    sent = Message("a.b", b"body", "id-1", 'k"äy\n\x01', "high")
    exchange = names("x")

    plain = message_of(exchange.topic("a.b"), headers_of(sent), b"body", id="?")
    copied = message_of(exchange.lane("g=a", "a.b"), copy_headers(sent, "other"), b"body", id="?")

    assert plain == copied == sent
    assert topic_of(exchange.lane("g=a", "a.b")) == "a.b"


def test_a_message_of_another_program_is_taken() -> None:
    """It has no headers, or odd ones."""
    odd = {"Intertie-Key": "not json", "Intertie-Priority": "urgent"}

    assert message_of("x.t.a", {}, b"", id="x:7") == Message("a", b"", "x:7")
    assert message_of("x.t.a", odd, b"", id="x:7") == Message("a", b"", "x:7", "not json")


def test_a_dead_letter_tells_what_happened() -> None:
    """In one line of ASCII each, as headers must be."""
    headers = grave_headers(Message("a", b"", "id"), "café\nclosed", tries=4, id="d")

    assert (reason_of(headers), tries_of(headers)) == ("café\nclosed", 4)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert (reason_of({}), tries_of({})) == ("", 1)


def test_headers_are_counted_as_they_travel() -> None:
    """The server counts them into max_payload."""
    assert size_of({"A": "b", "Cd": "é"}) == len("NATS/1.0\r\nA: b\r\nCd: é\r\n\r\n".encode())
