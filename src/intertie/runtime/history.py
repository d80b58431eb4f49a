"""What became of a replica's health of late, and whether it goes up and down. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from intertie.suite.health import Flapping

_MOST_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the verdict."""

    at: datetime
    up: bool
    reason: str


class HealthHistory:
    """The changes of one replica's verdict, over all of its runs."""

    def __init__(self) -> None:
        self._rule = Flapping()
        self._turns: deque[Turn] = deque(maxlen=_MOST_REMEMBERED)

    @property
    def turns(self) -> Sequence[Turn]:
        """Oldest first."""
        return tuple(self._turns)

    def note(self, turn: Turn, rule: Flapping) -> bool:
        """Remember a change; whether it is the one that makes it flap by `rule`."""
        was_flapping = self.is_flapping(turn.at)
        self._rule = rule
        self._turns.append(turn)
        return not was_flapping and self.is_flapping(turn.at)

    def is_flapping(self, at: datetime) -> bool:
        """Whether there were too many changes before the last one, and it is not long ago."""
        if len(self._turns) < self._rule.changes:
            return False
        window = timedelta(seconds=self._rule.window)
        last = self._turns[-1].at
        first = self._turns[-self._rule.changes].at
        return at - last <= window and last - first <= window
