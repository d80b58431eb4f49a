"""Reaching a Kafka broker, and telling what is wrong."""

import ssl
from pathlib import Path

import pytest
from aiokafka import errors  # type: ignore[import-untyped]
from anyio import Event, fail_after, sleep_forever

from intertie.bus.kafka_link import Link, first_of, open_link, shut
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig, QueueType
from tests.bus.peers.server import free_port

pytestmark = pytest.mark.anyio
CONFIG = QueueConfig(QueueType.KAFKA, host="127.0.0.1", username="me", password="not-a-real-one")


def test_credentials_go_to_the_broker_only() -> None:
    """No text shows them."""
    link = Link(CONFIG)

    assert link.options()["security_protocol"] == "SASL_PLAINTEXT"
    assert link.options()["sasl_plain_password"] == "not-a-real-one"
    assert "not-a-real-one" not in repr(link)
    assert link.where == "kafka://127.0.0.1:9092"


async def test_tls_asks_the_authorities_of_the_file(tmp_path: Path) -> None:
    """A file that holds none is told."""
    plain = await open_link(QueueConfig(QueueType.KAFKA, tls=True))
    (tmp_path / "ca.pem").write_text("nothing")

    assert isinstance(plain.tls, ssl.SSLContext)
    assert plain.options()["security_protocol"] == "SSL"
    with pytest.raises(BusError, match=r"authorities in .*ca\.pem"):
        await open_link(QueueConfig(QueueType.KAFKA, tls=True, ca_file=str(tmp_path / "ca.pem")))


async def test_a_question_without_answer_ends_in_time() -> None:
    """As a broker that cannot be reached."""
    why = r"cannot look at kafka://.*: no answer in 0.05 s"
    with (
        fail_after(5),
        pytest.raises(BusUnavailableError, match=why),
        Link(CONFIG).asking("look", 0.05),
    ):
        await sleep_forever()


def test_what_cannot_be_mended_by_waiting_is_told_apart() -> None:
    """A refusal is permanent, a lost connection is not; the broker's own words are kept."""
    link = Link(CONFIG)

    refused = link.trouble("create", errors.InvalidTopicError("it collides with a_b"), 1)
    lost = link.trouble("create", errors.KafkaConnectionError("closed"), 1)

    assert not isinstance(refused, BusUnavailableError)
    assert "it collides with a_b" in str(refused)
    assert isinstance(lost, BusUnavailableError)


async def test_nobody_there_is_told_by_address() -> None:
    """With the reason the system gives."""
    config = QueueConfig(QueueType.KAFKA, host="127.0.0.1", port=free_port())

    error = await Link(config).unreachable()

    assert f"cannot reach the bus at kafka://127.0.0.1:{config.port}" in str(error)


@pytest.mark.slow
async def test_a_client_that_cannot_stop_is_cut_off() -> None:
    """It is never cancelled: its questions fail instead, and it stops by itself."""
    cut = Event()
    stopped = False

    async def stop() -> None:
        nonlocal stopped
        await cut.wait()
        stopped = True

    with fail_after(10):
        await shut(stop, cut.set)

    assert stopped


def test_the_first_of_a_group_of_errors_is_found() -> None:
    """However deep it lies."""
    error = OSError("x")

    assert first_of(ExceptionGroup("a", [ExceptionGroup("b", [error]), ValueError()])) is error
