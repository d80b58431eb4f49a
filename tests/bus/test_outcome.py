"""What a handler may raise."""

from intertie.bus.outcome import Reject, Retry
from intertie.errors import IntertieError


def test_a_retry_says_when_and_why() -> None:
    """The reason ends up with the dead letter."""
    assert str(Retry(2.5)) == "asked to be tried again in 2.5 s"
    assert (Retry(1, "the disk is full").after_s, str(Retry(1, "busy"))) == (1, "busy")


def test_both_can_be_shown() -> None:
    """They are errors like all others."""
    assert isinstance(Retry(), IntertieError)
    assert str(Reject("not ours")) == "not ours"
