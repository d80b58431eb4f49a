"""Whose turn it is among a consumer's queues; no broker is needed."""

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from intertie.bus.port import PRIORITIES
from intertie.bus.rabbitmq_lane import Lane, turn


def test_high_comes_before_normal_before_low() -> None:
    """Among what has arrived."""
    high, normal, low = lanes = make(prefetch=4)
    for each in (low, high, normal):
        each.arrived(raw())

    taken = []
    while (lane := turn(lanes, 0.0)[0]) is not None:
        lane.waiting.popleft()
        taken.append(lane.priority)

    assert taken == ["high", "normal", "low"]
    assert turn(lanes, 0.0) == (None, None)


def test_what_waits_at_the_start_is_waited_for() -> None:
    """For a moment, until so many arrived: others may take them."""
    high, normal, _ = lanes = make(prefetch=4)
    normal.arrived(raw())
    high.begin(1, now=10.0)

    nobody, patience = turn(lanes, 10.0)
    assert nobody is None
    assert patience is not None
    assert 0 < patience < 1
    assert turn(lanes, 10.0 + patience)[0] is normal

    high.begin(1, now=20.0)
    high.arrived(raw())
    assert turn(lanes, 20.0)[0] is high
    high.waiting.popleft()
    assert turn(lanes, 20.0)[0] is normal


def test_a_queue_that_sent_all_it_may_gets_time_to_send_the_next() -> None:
    """When one of them was dealt with; once it has no more, the others do not wait for it."""
    high, normal, _ = lanes = make(prefetch=1)
    high.arrived(raw())
    normal.arrived(raw())
    high.waiting.popleft()
    high.ended(now=5.0)

    assert turn(lanes, 5.0)[0] is None
    assert turn(lanes, 6.0)[0] is normal
    assert turn(lanes, 5.0)[0] is normal


def test_a_queue_that_could_have_sent_more_is_empty() -> None:
    """Nobody waits for it."""
    high, normal, _ = lanes = make(prefetch=2)
    high.arrived(raw())
    normal.arrived(raw())
    high.waiting.popleft()
    high.ended(now=5.0)

    assert turn(lanes, 5.0)[0] is normal


def make(prefetch: int) -> list[Lane]:
    """From high to low."""
    return [Lane(f"q:{priority}", priority, prefetch) for priority in PRIORITIES]


def raw() -> DeliveredMessage:
    """Some message."""
    channel: Channel = None  # type: ignore[assignment] # nothing is asked of it
    return DeliveredMessage(Basic.Deliver("tag", 1), ContentHeader(), b"x", channel)
