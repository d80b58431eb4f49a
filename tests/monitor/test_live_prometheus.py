"""What fires, ends and is told, compared with a real Prometheus and Alertmanager, in real time."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import anyio
import pytest
from anyio import fail_after, to_thread

from intertie.event import AlertFiring, AlertResolved
from intertie.monitor.alertmanager_file import to_alertmanager
from intertie.monitor.rule_files import to_prometheus
from intertie.monitor.rules import rules_of
from intertie.monitor.sugar import WORDS, Unit
from intertie.suite.monitoring import Monitoring
from tests.monitor.live import Events, World, configured, ours, theirs, world
from tests.monitor.peers import Labels, Prometheus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EVERY_S = 1.0
TRIES = 6
"""What is told late on a busy machine is told again; a rule that differs differs each time."""
RULES = {
    "Burning": {"expr": "heat > 20", "severity": "critical"},
    "Hot": {
        "expr": "heat > 5",
        "for": "2s",
        "annotations": {"summary": "{{ $labels.room }} has {{ $value }}"},
    },
    "Kept": {"expr": "load > 3", "keep_firing_for": "3s", "labels": {"team": "{{ $labels.job }}"}},
    "Silent": {"expr": "absent(steam) unless absent(up)", "severity": "critical"},
}
HIDES = {
    "source": {"alertname": "Burning"},
    "target": {"alertname": "Hot"},
    "equal": ["room"],
}
ROOM_C_HOT = (("alertname", "Hot"), ("room", "c"))
QUIET = {"a": 1, "b": 1, "c": 1, "d": 1}
STORY: Sequence[tuple[float, Mapping[str, float], float, bool]] = (
    (0, {"a": 10, "b": 10, "c": 1, "d": 1}, 9, True),
    (4, {"a": 10, "b": 10, "c": 1, "d": 10}, 9, False),
    (5, {"a": 10, "b": 10, "c": 1, "d": 1}, 9, False),  # d was hot for too short a time
    (6, {"a": 30, "b": 10, "c": 30, "d": 1}, 9, False),  # c burns before it is hot for long enough
    (12, {"a": 10, "b": 10, "c": 10, "d": 1}, 1, True),
    (18, QUIET, 1, True),
    (21.5, QUIET, 1, True),
)
"""From second to second: how hot rooms are, the load, and whether there is steam."""
FIRED = [
    ("Burning", "a"),
    ("Burning", "c"),
    ("Hot", "a"),
    ("Hot", "b"),
    ("Hot", "c"),
    ("Kept", None),
    ("Silent", None),
]
"""Alerts of the story, with their rooms."""
HOT_TOLD = [
    {"a": "firing", "b": "firing"},
    {"a": "firing", "b": "firing", "c": "firing"},
    {"a": "resolved", "b": "resolved", "c": "resolved"},
]
"""How each room stood in each notice of what is hot."""


LIMITS = {
    Unit.PERCENT: "90%",
    Unit.SECONDS: "2000ms",
    Unit.BYTES: "512MB",
    Unit.COUNT: "4000",
}
FULL = Monitoring.model_validate(
    {
        "metrics": {"revenue": {"kind": "gauge", "unit": "EUR"}},
        "alerts": {
            "critical": [f"{name} > {LIMITS[word.unit]}" for name, word in WORDS.items()],
            "warning": [f"{name} > 1{LIMITS[word.unit][1:]}" for name, word in WORDS.items()],
            "rules": {
                "Poor": {
                    "expr": "revenue < 100",
                    "for": "90s",
                    "keep_firing_for": "1h30m",
                    "recovery": "revenue > 200",
                    "labels": {"team": "shop"},
                    "annotations": {"summary": "{{ $value }} only"},
                    "no_data": "alert",
                },
                "Late": {"expr": "sum by (job) (rate(x_total[5m])) > 1", "severity": "critical"},
            },
            "inhibit": [HIDES],
            "mute": {
                "nights": {"schedule": "0 3 * * 0", "duration": "2h", "timezone": "Europe/Berlin"},
                "shop": {"schedule": "0 4 * * *", "duration": "1h", "matchers": {"team": "shop"}},
            },
            "group_by": ["alertname", "service"],
            "group_wait": "10s",
        },
        "channels": {
            "mail": {"kind": "email", "sender": "a@example.com", "to": ["b@example.com"]},
            "chat": {"kind": "slack", "url": "${secret:slack}"},
            "hook": {"kind": "webhook", "url": "https://example.com/alerts"},
            "push": {"kind": "push_notification", "url": "${secret:push}"},
        },
        "alert_integration": {
            "channels": ["mail", "chat", "hook"],
            "escalate_to": "push",
            "fallback": "mail",
        },
    }
)


Told = tuple[float, Mapping[str, str]]
"""When, and how each alert stood, by room."""
Spans = Mapping[Labels, list[float]]
"""When an alert began and ended, in turns."""


@dataclass(frozen=True)
class Story:
    """What came of it."""

    world: World
    own: Spans
    other: Spans


def _own_spans(events: Events) -> Spans:
    found: dict[Labels, list[float]] = {}
    for at_s, event in events:
        assert isinstance(event, AlertFiring | AlertResolved)
        moments = found.setdefault(tuple(sorted(event.labels.items())), [])
        assert len(moments) % 2 == isinstance(event, AlertResolved), "in turns"
        moments.append(at_s)
    return found


def _their_spans(prometheus: Prometheus) -> Spans:
    """By the samples that Prometheus writes at each look while an alert fires."""
    found: dict[Labels, list[float]] = {}
    for labels, samples in prometheus.samples('ALERTS{alertstate="firing"}', time.time()).items():
        times = [at_s for at_s, _ in samples]
        gaps = [(one, two) for one, two in pairwise(times) if two - one > 1.5 * EVERY_S]
        moments = [times[0], *(at_s for one, two in gaps for at_s in (one + EVERY_S, two))]
        own = tuple(each for each in labels if each[0] not in {"__name__", "alertstate"})
        found[own] = [*moments, times[-1] + EVERY_S]
    return found


def _notices(made: World, who: str) -> Mapping[str, list[Told]]:
    """Of each group, in order."""
    found: dict[str, list[Told]] = {}
    for at_s, notice in made.notices(who):
        alerts = {each["labels"].get("room", ""): each["status"] for each in notice["alerts"]}
        found.setdefault(notice["groupLabels"]["alertname"], []).append((at_s, alerts))
    return found


def _are_near(own: Sequence[float], other: Sequence[float], within_s: float) -> bool:
    """Whether there are as many, each near to its peer."""
    return len(own) == len(other) and all(
        abs(one - two) <= within_s for one, two in zip(own, other, strict=True)
    )


async def _tell(made: World) -> None:
    """The story, from half a second after a full one, when the suite does not look."""
    began_s = int(time.time()) + 1.5
    for after_s, heat, load, steam in STORY:
        await anyio.sleep(began_s + after_s - time.time())
        made.set(heat, load, steam=steam)


async def _until_read(prometheus: Prometheus) -> None:
    """Prometheus takes some seconds before it reads a page at all."""
    with fail_after(60):
        while not await to_thread.run_sync(prometheus.query, "up", time.time()):  # noqa: ASYNC110
            await anyio.sleep(0.1)


@pytest.fixture(scope="module")
def told_story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """What both sides made of it."""
    tries = (anyio.run(_both_told, tmp_path_factory.mktemp("live")) for _ in range(TRIES))
    story = next(tries)
    while not _agree(story) and (again := next(tries, None)) is not None:
        story = again
    return story


def _agree(story: Story) -> bool:
    """Whether all was told in time; else the machine may have had other things to do."""
    own, other = story.own, story.other
    ours, theirs = _notices(story.world, "ours"), _notices(story.world, "theirs")
    if not _fired(own) == _fired(other) == FIRED or ours.keys() != theirs.keys():
        return False
    if any(_alerts(each.get("Hot", [])) != HOT_TOLD for each in (ours, theirs)):
        return False
    return all(_are_near(own[each], other.get(each, []), 2.0) for each in own) and all(
        _alerts(ours[each]) == _alerts(theirs[each])
        and _are_near([at for at, _ in ours[each]], [at for at, _ in theirs[each]], 3.0)
        for each in ours
    )


def _fired(spans: Spans) -> Sequence[tuple[str, str | None]]:
    """Alerts by name and room."""
    return sorted((dict(each)["alertname"], dict(each).get("room")) for each in spans)


def _alerts(notices: Sequence[Told]) -> Sequence[Mapping[str, str]]:
    """What each of them says, whenever it came."""
    return [alerts for _, alerts in notices]


async def _both_told(folder: Path) -> Story:
    alerts = {"rules": RULES, "inhibit": [HIDES], "group_by": ["alertname"], "group_wait": "1s"}
    with world() as made:
        made.set(QUIET, 1)
        # One second divides both: groups of Alertmanager are looked at each second.
        config = configured(f"{made.url}/ours", alerts, critical="60s", warning="61s")
        async with (
            theirs(config, made, folder) as prometheus,
            ours(config, made.url, folder) as events,
        ):
            await _until_read(prometheus)
            await _tell(made)
            spans = await to_thread.run_sync(_their_spans, prometheus)
    return Story(made, _own_spans(events), spans)


def test_the_same_alerts_fire_and_end_when_prometheus_says(told_story: Story) -> None:
    """By all their labels, each time within two seconds; one that is hot too shortly never does."""
    own, other = told_story.own, told_story.other

    assert own.keys() == other.keys()
    for labels, moments in own.items():
        assert _are_near(moments, other[labels], 2.0), (labels, moments, other[labels])
    assert _fired(own) == FIRED


def test_the_same_notices_arrive_as_from_alertmanager(told_story: Story) -> None:
    """Group by group in the same order: who fires, who has ended, and about when."""
    own, other = _notices(told_story.world, "ours"), _notices(told_story.world, "theirs")

    assert own.keys() == other.keys() == {"Burning", "Hot", "Kept", "Silent"}
    for name, notices in own.items():
        assert _alerts(notices) == _alerts(other[name])
        moments = [at_s for at_s, _ in other[name]]
        # Alertmanager looks at a group once a second, after Prometheus has told it.
        assert _are_near([at_s for at_s, _ in notices], moments, 3.0), (name, notices, other[name])
    assert [set(alerts.values()) for _, alerts in own["Kept"]] == [{"firing"}, {"resolved"}]


@pytest.mark.parametrize("who", ["ours", "theirs"])
def test_a_warning_is_hidden_by_the_critical_alert_about_the_same(
    told_story: Story, who: str
) -> None:
    """Room c is told only once it does not burn any more, though it was hot long before."""
    spans = told_story.own if who == "ours" else told_story.other
    began_s = next(moments[0] for labels, moments in spans.items() if {*ROOM_C_HOT} <= {*labels})

    hot = _notices(told_story.world, who)["Hot"]

    assert _alerts(hot) == HOT_TOLD
    assert hot[1][0] - began_s > 2


def test_texts_are_filled_in_as_by_prometheus(told_story: Story) -> None:
    """Labels and values; both write them the same way."""
    texts = [
        next(
            sorted(alert["annotations"]["summary"] for alert in notice["alerts"])
            for _, notice in told_story.world.notices(who)
            if notice["groupLabels"]["alertname"] == "Hot"
        )
        for who in ("ours", "theirs")
    ]

    assert texts == [["a has 10", "b has 10"]] * 2


@pytest.mark.anyio
async def test_repeats_come_as_often_as_from_alertmanager(tmp_path: Path) -> None:
    """Each severity at its own interval, though both tick together."""
    found = [await _gaps(tmp_path / "0")]
    while any(late(each) for each in found[-1]) and len(found) < TRIES:
        found.append(await _gaps(tmp_path / str(len(found))))

    assert [each for each in found[-1] if late(each)] == []


Gaps = tuple[str, str, float, Sequence[float]]
"""Who told what, the interval wanted, and those between its notices."""


def late(gaps: Gaps) -> bool:
    """Whether one is off by more than a second."""
    *_, interval_s, found = gaps
    return not _are_near(found, [interval_s] * len(found), 1.0)


async def _gaps(folder: Path) -> Sequence[Gaps]:
    folder.mkdir()  # noqa: ASYNC240 — before anything runs
    with world() as made:
        made.set(QUIET, 1)
        config = configured(f"{made.url}/ours", {"rules": RULES}, critical="3s", warning="6s")
        async with (
            theirs(config, made, folder) as prometheus,
            ours(config, made.url, folder),
        ):
            await _until_read(prometheus)
            made.set({"a": 30}, 1)
            with fail_after(60):
                while min(_counts(made)) < 3:  # noqa: ASYNC110
                    await anyio.sleep(0.1)

    return [
        (who, name, interval_s, [two - one for (one, _), (two, _) in pairwise(told[name])])
        for who, told in ((who, _notices(made, who)) for who in ("ours", "theirs"))
        for name, interval_s in (("Burning", 3.0), ("Hot", 6.0))
    ]


def _counts(made: World) -> Iterator[int]:
    """How many notices of a warning each side has sent."""
    return (len(_notices(made, who).get("Hot", [])) for who in ("ours", "theirs"))


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_alertmanager_routes_alerts_by_severity(tmp_path: Path, severity: str) -> None:
    """Each to the route that repeats it at its interval, and no other."""
    file = tmp_path / "alertmanager.yaml"
    file.write_text(to_alertmanager(FULL))
    command = ["amtool", "config", "routes", "test", f"--config.file={file}", "--tree"]

    told = _said([*command, "--verify.receivers=intertie", f"severity={severity}", "alertname=A"])

    assert [each for each in ("critical", "warning") if f'severity="{each}"' in told] == [severity]


def test_the_tools_take_what_a_full_suite_exports(tmp_path: Path) -> None:
    """Every short word, every key of a rule, routes, windows, channels."""
    rules = rules_of(FULL.alerts, own=FULL.metrics).rules
    for name, text in (("am", to_alertmanager(FULL)), ("rules", to_prometheus(rules))):
        (tmp_path / f"{name}.yaml").write_text(text)

    checked = _said(["amtool", "check-config", str(tmp_path / "am.yaml")])
    found = _said(["promtool", "check", "rules", str(tmp_path / "rules.yaml")])

    assert "SUCCESS" in checked
    assert f"SUCCESS: {len(rules)} rules found" in found
    assert len(rules) == len(WORDS) * 2 + 2


def _said(command: Sequence[str]) -> str:
    """By a program that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
