"""What shadow mode found."""

from dataclasses import replace

import pytest

from intertie.automation.remediation_report import judge, report
from intertie.plan import Action
from intertie.runtime.change import Change, StepRecord
from tests.automation.alarm import at, config, entry

SHADOW = replace(entry("shadow"), mode="shadow", ended_at=at(20), resolved_at=at(15))


def change(
    ended: float, action: Action = "restart", service: str = "web", *, took: float = 0
) -> Change:
    """Somebody did that."""
    began = at(ended - took)
    step = StepRecord(
        action=action, service=service, status="done", began_at=began, ended_at=at(ended)
    )
    return Change(id="1", title="by hand", actor="ada", steps=(step,), began_at=began)


@pytest.mark.parametrize(
    ("resolved", "changes", "verdict"),
    [
        (15, [], "by_itself"),
        (90, [], "no_evidence"),
        (None, [], "open"),
        (90, [change(80)], "helped"),
        (90, [change(91, took=5)], "helped"),
        (90, [change(30)], "did_not_help"),
        (90, [change(80, "reload")], "no_evidence"),
        (90, [change(80, service="db")], "no_evidence"),
        (90, [change(-5)], "no_evidence"),
        (90, [change(95)], "no_evidence"),
    ],
)
def test_others_who_did_the_same_are_the_evidence(
    resolved: float | None, changes: list[Change], verdict: str
) -> None:
    """It would have helped where the alert was over soon after."""
    one = replace(SHADOW, resolved_at=None if resolved is None else at(resolved))

    [found] = judge([one], changes, config())

    assert found.verdict == verdict
    assert found.by == ("ada" if verdict in {"helped", "did_not_help"} else "")


def test_the_share_that_would_have_helped_is_of_those_with_evidence() -> None:
    """One of two here; the third has none."""
    late = replace(SHADOW, resolved_at=at(90))
    entries = [late, SHADOW, replace(late, service="db"), entry("recovered", id=4)]

    [found] = report(judge(entries, [change(80)], config()))

    assert found.rule == "up"
    assert found.counts == {"helped": 1, "by_itself": 1, "no_evidence": 1}
    assert found.would_have_helped == 0.5


def test_without_evidence_nothing_is_claimed() -> None:
    """A share of nothing is none."""
    [found] = report(judge([replace(SHADOW, resolved_at=None)], [], config()))

    assert found.would_have_helped is None
