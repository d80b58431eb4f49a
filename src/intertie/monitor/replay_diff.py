"""What a change of rules would have made of the past: fired and did not, and the reverse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from intertie.monitor.replay import Fired
from intertie.monitor.rules import AlertRule, Rules

What = Literal["new", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that is another one in the file than in the running suite."""

    name: str
    what: What
    before: AlertRule | None
    after: AlertRule | None


def changes(running: Rules, written: Rules) -> list[RuleChange]:
    """By name, in alphabetical order."""
    old = {each.name: each for each in running.rules}
    new = {each.name: each for each in written.rules}
    found: list[RuleChange] = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before != after:
            what: What = "new" if before is None else "removed" if after is None else "changed"
            found.append(RuleChange(name, what, before, after))
    return found


def only_in(fired: Iterable[Fired], others: Sequence[Fired]) -> list[Fired]:
    """Those that none of the others is about: of the same series, at the same time."""
    return [each for each in fired if not any(_meet(each, other) for other in others)]


def _meet(one: Fired, other: Fired) -> bool:
    if one.series != other.series:
        return False
    begins = other.to_ms is None or one.from_ms <= other.to_ms
    return begins and (one.to_ms is None or other.from_ms <= one.to_ms)
