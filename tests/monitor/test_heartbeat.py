"""A heartbeat on the wire, and what is known of who sends them."""

from datetime import UTC, datetime, timedelta

import pytest

from intertie.errors import AccessDeniedError, IntertieError, RequestError
from intertie.monitor.channels.webhook import SIGNATURE, signature
from intertie.monitor.heartbeat import (
    Beat,
    Heard,
    heard,
    listened,
    opened,
    packed,
    with_heartbeats,
)
from intertie.monitor.promql.query import compile
from intertie.monitor.rules import AlertRule, Rules
from intertie.suite.heartbeats import Expect

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET = "0123456789abcdef"
BEAT = Beat(suite="shop", name="partner", at=NOW, every_s=60)


def take(beat: Beat, *, secret: str = SECRET, now: datetime = NOW) -> Beat:
    """Packed with the right secret, opened with this one."""
    data, headers = packed(beat, SECRET)
    return opened(data, headers[SIGNATURE], name="partner", secret=secret, now=now)


def test_what_was_packed_is_opened() -> None:
    """With who sends it, and when."""
    assert take(BEAT) == BEAT


@pytest.mark.parametrize("apart_s", [-61, 61, 86400])
def test_a_heartbeat_is_good_for_a_minute(apart_s: int) -> None:
    """Before and after; up to it clocks may differ."""
    assert take(BEAT, now=NOW + timedelta(seconds=60)) == BEAT
    assert take(BEAT, now=NOW - timedelta(seconds=60)) == BEAT
    with pytest.raises(AccessDeniedError, match=r"behind ours, or it is old"):
        take(BEAT, now=NOW + timedelta(seconds=apart_s))


def test_who_does_not_know_the_secret_is_refused() -> None:
    """Whatever they put into the header; and a change of the body shows."""
    data, headers = packed(BEAT, SECRET)
    good = headers[SIGNATURE]
    for signed in ("", "t=1,v1=", good.replace("v1=", "v1=0"), good[:-1], "t=9,v1=ü", good + " "):
        with pytest.raises(AccessDeniedError, match="is not by who knows the secret"):
            opened(data, signed, name="partner", secret=SECRET, now=NOW)
    with pytest.raises(AccessDeniedError):
        opened(data + b" ", good, name="partner", secret=SECRET, now=NOW)
    with pytest.raises(AccessDeniedError):
        take(BEAT, secret="fedcba9876543210")


def test_a_heartbeat_for_one_name_is_none_for_another() -> None:
    """Though both share a secret."""
    with pytest.raises(AccessDeniedError, match="it was signed for 'other'"):
        take(BEAT.model_copy(update={"name": "other"}))


@pytest.mark.parametrize("data", [b"", b"[]", b'{"suite": "", "name": "partner"}', b"\xff"])
def test_signed_nonsense_is_the_senders_fault(data: bytes) -> None:
    """Told as such."""
    signed = signature(data, SECRET, at=NOW)

    with pytest.raises(RequestError, match="cannot take heartbeat 'partner'"):
        opened(data, signed, name="partner", secret=SECRET, now=NOW)


def test_a_short_secret_signs_nothing() -> None:
    """An empty one would let anybody in."""
    with pytest.raises(IntertieError, match="shorter than 16 bytes"):
        packed(BEAT, "short")
    with pytest.raises(IntertieError, match="shorter than 16 bytes"):
        take(BEAT, secret="")


def test_only_what_is_newer_counts() -> None:
    """A copy, or one that was overtaken, changes nothing."""
    first = heard(Heard(silent_s=70), BEAT, NOW)
    assert first is not None
    newer = heard(first, BEAT.model_copy(update={"at": NOW + timedelta(milliseconds=1)}), NOW)

    assert (first.suite, first.silent_s, first.count) == ("shop", 0, 1)
    assert heard(first, BEAT, NOW) is None
    assert newer is not None
    assert newer.count == 2


def test_silence_adds_up_and_never_shrinks() -> None:
    """Also when a clock steps back."""
    assert listened(listened(Heard(), 5), -3).silent_s == 5


def test_each_that_is_expected_has_a_rule() -> None:
    """With its severity; a rule of the suite with that name stands instead."""
    expected = {
        "a.b-c": Expect(within=300, secret="${secret:s}"),
        "own": Expect(within=5, secret="${secret:s}", severity="warning"),
    }
    own = AlertRule(name="HeartbeatMissing_own", expr="vector(1)", shown="mine")

    found = {rule.name: rule for rule in with_heartbeats(Rules((own,)), expected).rules}

    rule = found["HeartbeatMissing_a.b-c"]
    assert rule.severity == "critical"
    assert rule.expr == 'intertie_heartbeat_silence_seconds{heartbeat="a.b-c"} > 300'
    assert compile(rule.expr).reads(0, 0)
    assert found["HeartbeatMissing_own"].shown == "mine"
