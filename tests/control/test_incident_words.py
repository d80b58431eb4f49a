"""Events in half a sentence."""

import pytest

from intertie.control.incident_words import is_about_services, told_in_words
from intertie.event import (
    Event,
    HookFailed,
    QuotaExceeded,
    ServiceFlapping,
)
from tests.control.incident_events import (
    applied,
    event,
    failed,
    firing,
    given_up,
    health,
    recovered,
    resolved,
    started,
    stopped,
)

FLAPPING = event(ServiceFlapping(service="web", replica=0, changes=6, window_s=60), 0)
HOOK = event(HookFailed(service="web", replica=0, moment="pre_stop", error="no such file"), 0)
QUOTA = event(
    QuotaExceeded(client="a", tenant="", policy="p", code="c", route="/", count=1), 0, "gateway"
)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (started(0), "started, pid 7, ready after 0.5 s"),
        (stopped(0), "ended by signal 9, pid 7"),
        (stopped(0, code=3), "ended with exit code 3, pid 7"),
        (stopped(0, wanted=True), "stopped on request"),
        (failed(0), "failed: ended by signal 9; tried again in 1.0 s"),
        (failed(0, retry_in_s=None), "failed: ended by signal 9; given up"),
        (health(0, "DOWN"), "health check DOWN: no answer"),
        (FLAPPING, "health changed 6 times within 60.0 s"),
        (HOOK, "hook pre_stop failed: no such file"),
        (firing(0), "alert fires (critical), value 0.0: web is down"),
        (resolved(0), "alert is over"),
        (recovered(0), "is well again, after 1 steps of recovery"),
        (given_up(0), "recovery gave up after 3 steps: port taken"),
        (applied(0), "took configuration ffffffffffff"),
        (applied(0, accepted=False), "refused configuration ffffffffffff: no such cluster"),
        (QUOTA, "suite.quota_exceeded"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_an_event_says_what_happened(told: Event, words: str) -> None:
    """Without naming what it is about."""
    assert told_in_words(told) == words


def test_an_event_without_its_payload_has_words_all_the_same() -> None:
    """An older version may have written it."""
    for each in (started(0), stopped(0), failed(0), firing(0), applied(0)):
        assert told_in_words(each.model_copy(update={"data": {}}))


def test_some_events_are_about_how_services_do() -> None:
    """Those of the gateway and of alerts are not."""
    assert is_about_services(started(0))
    assert is_about_services(recovered(0))
    assert not is_about_services(applied(0))
    assert not is_about_services(QUOTA)
