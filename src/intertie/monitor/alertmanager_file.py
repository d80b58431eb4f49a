"""A suite's routing of alerts as a configuration of Alertmanager."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import gcd

from intertie.errors import IntertieError
from intertie.monitor.mute_windows import time_intervals
from intertie.monitor.rule_files import dump, duration
from intertie.monitor.rules import rules_of
from intertie.suite.monitoring import (
    AppriseChannel,
    Channel,
    EmailChannel,
    Inhibition,
    Monitoring,
    Mute,
    Severity,
    SlackChannel,
    WebhookChannel,
)

Tree = dict[str, object]

RECEIVER = "intertie"
SECRETS = "/etc/alertmanager/secrets"
"""Each secret is expected in a file of this folder, called as its channel."""
NO_ADDRESS = "http://replace-me.invalid/"
"""Where an address may hold a secret and Alertmanager reads it from no file."""

_MOST_MUTES = 4
_DELIVERY_MS = 30_000
_TLS_PORT = 465


def to_alertmanager(monitoring: Monitoring) -> str:
    """A configuration that `amtool check-config` of 0.25 takes; the rest is in comments on top.

    No secret is in it: it names files in `SECRETS`, or `NO_ADDRESS` with the channel's name.
    """
    notes: list[str] = []
    windows = _windows(monitoring.alerts.mute, notes)
    tree: Tree = {
        "route": _route(monitoring, windows),
        "receivers": [_receiver(monitoring, notes)],
    }
    made = rules_of(monitoring.alerts, own=monitoring.own_names)
    if made.inhibitions:
        tree["inhibit_rules"] = [_inhibit(each) for each in made.inhibitions]
    if windows:
        tree["time_intervals"] = [
            {"name": name, "time_intervals": times} for name, times in windows.items()
        ]
    return dump(tree, [*notes, *_unsaid(monitoring)])


def _route(monitoring: Monitoring, windows: Mapping[str, object]) -> Tree:
    alerts, told = monitoring.alerts, monitoring.alert_integration
    levels = told.severity_levels
    intervals_ms = [round(level.notification_interval * 1000) for level in levels.values()]
    # A notice is repeated only at a tick of its group: one that meets each interval.
    tick_ms = gcd(*intervals_ms) or 300_000
    return {
        "receiver": RECEIVER,
        "group_by": list(alerts.group_by),
        "group_wait": duration(round(alerts.group_wait * 1000)),
        "group_interval": duration(tick_ms),
        "routes": [
            _severity(name, _repeat_ms(interval_ms, tick_ms), alerts.mute, windows)
            for name, interval_ms in zip(levels, intervals_ms, strict=True)
        ],
    }


def _repeat_ms(interval_ms: int, tick_ms: int) -> int:
    """Somewhat less: it counts from when a notice was delivered, which is after its tick.

    With the interval itself, each notice would be repeated a tick later.
    """
    return interval_ms - min(tick_ms // 2, _DELIVERY_MS)


def _severity(
    name: Severity, repeat_ms: int, mutes: Mapping[str, Mute], windows: Mapping[str, object]
) -> Tree:
    route: Tree = {
        "matchers": _matchers({"severity": name}),
        "repeat_interval": duration(repeat_ms),
    }
    always = [mute for mute in windows if not mutes[mute].matchers]
    some = [mute for mute in windows if mutes[mute].matchers]
    if always:
        route["mute_time_intervals"] = always
    if some:
        route["routes"] = list(_muted(some, always, mutes))
    return route


def _muted(some: Sequence[str], always: Sequence[str], mutes: Mapping[str, Mute]) -> Iterable[Tree]:
    """An alert takes the first route that fits it: so first those of many windows."""
    for count in range(len(some), 0, -1):
        for names in combinations(some, count):
            matchers = [each for name in names for each in _matchers(mutes[name].matchers)]
            yield {
                "matchers": sorted(set(matchers)),
                "mute_time_intervals": [*always, *names],
            }


def _windows(mutes: Mapping[str, Mute], notes: list[str]) -> dict[str, object]:
    told: dict[str, object] = {}
    matched = 0
    for name, mute in mutes.items():
        matched += bool(mute.matchers)
        try:
            if mute.matchers and matched > _MOST_MUTES:
                raise IntertieError(f"it is one of more than {_MOST_MUTES} for certain alerts")
            told[name] = time_intervals(mute)
        except IntertieError as exc:
            notes.append(f"mute window {name}: {exc}")
    return told


def _inhibit(each: Inhibition) -> Tree:
    told: Tree = {
        "source_matchers": _matchers(each.source),
        "target_matchers": _matchers(each.target),
    }
    if each.equal:
        told["equal"] = list(each.equal)
    return told


def _receiver(monitoring: Monitoring, notes: list[str]) -> Tree:
    told = monitoring.alert_integration
    receiver: dict[str, object] = {"name": RECEIVER}
    kinds: dict[str, list[Tree]] = {}
    for name in told.channels:
        if name not in monitoring.channels:
            notes.append(f"rota {name}: who is on call has no receiver")
            continue
        found = _channel(name, monitoring.channels[name], notes)
        if found is not None:
            kind, config = found
            kinds.setdefault(kind, []).append({**config, "send_resolved": told.resolved})
    receiver.update(kinds)
    return receiver


def _channel(name: str, channel: Channel, notes: list[str]) -> tuple[str, Tree] | None:
    if not isinstance(channel, WebhookChannel) and channel.template:
        notes.append(f"channel {name}: its notices are in the usual words")
    if isinstance(channel, EmailChannel):
        if channel.tls == "tls" and channel.port != _TLS_PORT:
            notes.append(f"channel {name}: TLS from the first byte, on a port other than 465")
        return "email_configs", _email(name, channel)
    if isinstance(channel, SlackChannel):
        return "slack_configs", {"api_url_file": f"{SECRETS}/{name}"}
    if isinstance(channel, AppriseChannel):
        notes.append(f"channel {name}: kind {channel.kind} has no receiver")
        return None
    notes.append(f"channel {name}: put its address where {NO_ADDRESS}{name} is")
    if channel.secret is not None:
        notes.append(f"channel {name}: its notices are not signed")
    return "webhook_configs", {"url": f"{NO_ADDRESS}{name}"}


def _email(name: str, channel: EmailChannel) -> Tree:
    told: Tree = {
        "to": ", ".join(channel.to),
        "from": channel.sender,
        "smarthost": f"{channel.host}:{channel.port}",
        "require_tls": channel.tls == "starttls",
    }
    if channel.username is not None:
        told["auth_username"] = channel.username
    if channel.password is not None:
        told["auth_password_file"] = f"{SECRETS}/{name}"
    return told


def _unsaid(monitoring: Monitoring) -> Iterable[str]:
    told = monitoring.alert_integration
    if told.escalate_to:
        yield f"alerts that nobody acknowledges are told to {', '.join(told.escalate_to)} too"
    if told.fallback:
        yield f"when a channel cannot be reached, {', '.join(told.fallback)} is told"


def _matchers(labels: Mapping[str, str]) -> list[str]:
    return [f'{name}="{_escaped(text)}"' for name, text in sorted(labels.items())]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
