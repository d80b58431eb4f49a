"""A bus's address as one line."""

import pytest
from hypothesis import given, strategies

from intertie.bus.url import parse_url, to_url
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig, QueueType

PASSWORDS = strategies.text(min_size=1, max_size=30).filter(lambda text: text.isprintable())


@given(strategies.sampled_from([t for t in QueueType if t is not QueueType.EMBEDDED]), PASSWORDS)
def test_an_address_says_all_that_a_client_needs(kind: QueueType, password: str) -> None:
    """Whatever the password is made of."""
    config = QueueConfig(
        kind,
        host="::1",
        port=1234,
        username="me@home",
        password=password,
        tls=kind is not QueueType.MEMORY,
        exchange="media-events",
        max_tries=7,
        publish_timeout=2.5,
        retention=60.0,
        max_size=1 << 20,
    )

    assert parse_url(to_url(config)) == config


def test_defaults_need_not_be_said() -> None:
    """As people write such addresses."""
    assert parse_url("redis://localhost") == QueueConfig(QueueType.REDIS)
    assert parse_url("amqp://u:p@mq/%2Fv") == QueueConfig(
        QueueType.RABBITMQ, host="mq", username="u", password="p", virtual_host="/v"
    )
    assert parse_url("rediss://h:1/3").tls
    assert parse_url("redis://h/3").database == 3


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mongodb://:secret-x@h", "cannot use a bus at mongodb://…: known are"),
        ("redis://:secret-x@h:99999", "it is not a URL"),
        ("redis://:secret-x@[h", "it is not a URL"),
        ("redis://:secret-x@h/notanumber", "database"),
        ("redis://:secret-x@h?mode=loud", "mode"),
    ],
)
def test_a_wrong_address_is_told_without_showing_it(url: str, why: str) -> None:
    """It holds the password."""
    with pytest.raises(BusError) as caught:
        parse_url(url)

    assert why in str(caught.value)
    assert "secret-x" not in str(caught.value)
