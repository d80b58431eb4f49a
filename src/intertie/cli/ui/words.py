"""What the daemon tells, as lines and cells for the screen. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rich.text import Text

from intertie.api.models import ReplicaView, ServiceView
from intertie.cli.render import age
from intertie.event import Event
from intertie.runtime.change import Change, StepRecord
from intertie.runtime.explain import Explanation
from intertie.runtime.logs import LogLine

COLUMNS = ("SERVICE", "STATE", "HEALTH", "READY", "PID", "PORT", "RESTARTS", "SINCE", "WHY")

# Worst first: a service is shown in the state of the replica that needs a look most.
_STATES = (
    "failed",
    "unhealthy",
    "backoff",
    "stopping",
    "starting",
    "waiting",
    "stopped",
    "running",
    "listening",
    "completed",
)
_READY = frozenset({"running", "listening", "completed"})
_COLOUR = {
    **dict.fromkeys(("running", "listening", "completed", "UP", "done"), "green"),
    **dict.fromkeys(("backoff", "stopping", "starting", "waiting", "DEGRADED", "doing"), "yellow"),
    **dict.fromkeys(("failed", "unhealthy", "DOWN", "aborted"), "red"),
}
_MARK = {"done": "✔", "failed": "✘", "doing": "…", "todo": "·"}
_BAD_EVENT = ("error", "failed", "flapping")
_MOST_TURNS = 8
_ERROR_STREAM = "orange3"

# What a service writes must not steer the reader's terminal: ECMA-48 control sequences (CSI, OSC
# and the two-character ones) go, and then every control character that is left.
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would obey."""
    return _CONTROL.sub("", _SEQUENCE.sub("", text.expandtabs(8)))


def coloured(word: str) -> Text:
    """A state, a status: in its colour."""
    return Text(word, style=_COLOUR.get(word, ""))


def cells(service: ServiceView, now: datetime) -> list[Text]:
    """One row of the table, in the order of COLUMNS."""
    replicas = service.replicas
    shown = min(replicas, key=_urgency, default=None)
    if shown is None:
        return [Text(service.name), *(Text("-") for _ in COLUMNS[1:])]
    ready = sum(replica.state in _READY for replica in replicas)
    return [
        Text(service.name),
        coloured(shown.state),
        coloured(service.status),
        Text(f"{ready}/{len(replicas)}"),
        Text(_several([replica.pid for replica in replicas])),
        Text(_several([replica.port for replica in replicas])),
        Text(str(sum(replica.restarts for replica in replicas))),
        Text(age(now - shown.since)),
        Text(plain(shown.reason)),
    ]


def _urgency(replica: ReplicaView) -> int:
    return _STATES.index(replica.state) if replica.state in _STATES else -1


def _several(numbers: Sequence[int | None]) -> str:
    """The first number, and how many there are besides."""
    known = [number for number in numbers if number is not None]
    more = f" +{len(known) - 1}" if len(known) > 1 else ""
    return f"{known[0]}{more}" if known else "-"


def summary(services: Sequence[ServiceView]) -> Text:
    """How many services there are, and how they are."""
    counts = dict.fromkeys(("UP", "DEGRADED", "DOWN"), 0)
    for service in services:
        counts[service.status] += 1
    parts = [Text(f"{len(services)} services")]
    parts += [
        Text(f"{count} {status}", style=_COLOUR[status])
        for status, count in counts.items()
        if count
    ]
    return Text(" · ").join(parts)


def log_line(line: LogLine, *, several: bool) -> Text:
    """A line of a log, standard error in another colour; `several` replicas are told apart."""
    text = _part(f"{line.replica} " if several else "", "dim")
    return text.append(plain(line.text), style=_ERROR_STREAM if line.stream == "err" else "")


def event(item: Event) -> Text:
    """Time, type, subject and what the payload adds."""
    told = (None, "", item.subject)  # nothing to say, or said already
    facts = (f"{key}={value}" for key, value in item.data.items() if value not in told)
    kind = item.type.removeprefix("suite.")
    bad = any(word in kind for word in _BAD_EVENT) or bool(item.data.get("error"))
    text = _part(f"{_clock(item.time)} ", "dim")
    text.append(f"{kind:<16} ", style="red" if bad else "cyan")
    text.append(f"{item.subject} ", style="bold")
    return text.append(plain(" ".join(facts)))


def changes(items: Sequence[Change]) -> Iterator[Text]:
    """Each change and, below it, its steps."""
    for item in items:
        head = _part(f"{_clock(item.began_at)} ", "dim")
        head.append(item.title, style="bold").append(" ").append_text(coloured(item.status))
        yield head.append(f"{_took(item.began_at, item.ended_at)} by {item.actor}, {item.id}")
        for line in (item.error or "").splitlines():
            yield Text(f"    {plain(line)}", style="red")
        yield from map(_step, item.steps)


def _step(step: StepRecord) -> Text:
    mark = _part(f"  {_MARK[step.status]} ", _COLOUR.get(step.status, "dim"))
    mark.append(f"{step.action} {step.service}{_took(step.began_at, step.ended_at)}")
    told = plain("; ".join((*step.why, *filter(None, [step.error]))))
    return mark.append(f" {told}" if told else "", style="red" if step.error else "dim")


def health(service: ServiceView, explanation: Explanation | None) -> Iterator[Text]:
    """Why a service is well or not: its replicas, what it needs, who needs it, what happened."""
    yield _part(f"{service.name} ", "bold").append_text(coloured(service.status))
    if explanation is not None and explanation.service == service.name:
        yield Text(plain(explanation.summary))
    for replica in service.replicas:
        yield Text()
        yield _replica(replica)
        yield from _history(replica.index, explanation)
    yield Text()
    yield from _neighbours(service, explanation)


def _replica(replica: ReplicaView) -> Text:
    text = _part(f"replica {replica.index} ", "bold").append_text(coloured(replica.state))
    text.append(f" {plain(replica.reason)}")
    return text.append(" flapping", style="red") if replica.flapping else text


def _history(index: int, explanation: Explanation | None) -> Iterator[Text]:
    """The last turns of its health, newest first."""
    turns = explanation.health.get(index, ()) if explanation else ()
    for turn in reversed(turns[-_MOST_TURNS:]):
        word = coloured("UP" if turn.up else "DOWN")
        text = _part(f"  {_clock(turn.at)} ", "dim").append_text(word)
        yield text.append(f" {plain(turn.reason)}")


def _neighbours(service: ServiceView, explanation: Explanation | None) -> Iterator[Text]:
    if explanation is None or explanation.service != service.name:
        for name in service.depends_on:
            yield Text(f"needs {name}")
        return
    if explanation.blocked_by:
        yield Text(f"blocked by {' → '.join(explanation.blocked_by)}", style="red")
    for need in explanation.needs:
        text = Text("needs ").append("✔ " if need.met else "… ", "green" if need.met else "yellow")
        wish = need.condition.removeprefix("service_").replace("_", " ")
        yield text.append(f"{need.service} {wish}").append(f" ({plain(need.now)})", style="dim")
    if explanation.needed_by:
        yield Text(f"needed by {', '.join(explanation.needed_by)}")


def dependents(names: Sequence[str], services: Mapping[str, ServiceView]) -> list[str]:
    """The running services that are stopped along with these, by name."""
    found = set(names)
    more = found
    while more:
        more = {name for name, each in services.items() if found & {*each.depends_on}} - found
        found |= more
    return sorted(name for name in found - set(names) if _runs(services[name]))


def _runs(service: ServiceView) -> bool:
    return any(replica.pid is not None for replica in service.replicas)


def _part(text: str, style: str) -> Text:
    """The beginning of a line; what is appended to it does not take on its style."""
    return Text().append(text, style)


def _clock(at: datetime) -> str:
    return f"{at.astimezone():%H:%M:%S}"


def _took(began: datetime | None, ended: datetime | None) -> str:
    if began is None:
        return ""
    seconds = ((ended or datetime.now(UTC)) - began).total_seconds()
    return f" {seconds:.1f}s"
