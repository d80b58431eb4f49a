"""Ladder: which step comes next for a service that is not well. Pure: times are arguments."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from intertie.suite.recovery import AutomaticRecovery, Rung, Script

_MAX_DOUBLINGS = 30


class Condition(StrEnum):
    """How a service is, as far as recovery is concerned."""

    WELL = "well"
    DOWN = "down"
    """Runs, and its health check fails."""
    FAILED = "failed"
    """Its restart policy gave up."""
    LOOPING = "looping"
    """Its restart policy is at it."""
    COMING = "coming"
    """On its way, or held up by something that is being recovered itself."""
    STOPPED = "stopped"
    """On request: nobody wants it to run."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The service as it is now."""

    condition: Condition
    why: str = ""
    sick: str | None = None
    """The deepest of its dependencies that is not well."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The step that was being done is over; whether it helped, the service shows."""

    by_person: bool = False
    """Somebody aborted it."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A person began to change the service."""


@dataclass(frozen=True, slots=True)
class Released:
    """No person changes it any longer."""


@dataclass(frozen=True, slots=True)
class Tick:
    """`wake_at` has come."""


Input = Seen | Ended | Taken | Released | Tick


@dataclass(frozen=True, slots=True)
class Try:
    """Do this step."""

    step: Rung | Script
    attempt: int
    """1-based, since the service was last well."""
    why: str
    dependency: str | None
    """What `restart_dependency` is about."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Do no more of the step that is being done; its `Ended` does not matter."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Tell a person."""

    why: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """The service is well again, after so many steps."""

    attempts: int


Command = Try | Abort | Alert | Recovered


class Phase(StrEnum):
    """Where a ladder is."""

    IDLE = "idle"
    WAITING = "waiting"
    """For the time of the next step."""
    DOING = "doing"
    PROVING = "proving"
    """Well again; not yet for long enough."""
    GIVEN_UP = "given up"
    """Until a person acts, or the service is well by itself."""
    HELD = "held"
    """While a person changes the service."""


_UNWELL = frozenset({Condition.DOWN, Condition.FAILED})
_BAD = _UNWELL | {Condition.LOOPING}


class Ladder:
    """That of one service.

    However it is fed, between two acts of persons no more than `max_attempts` steps begin in any
    `window`, one at a time, each later than the one before by a wait that doubles.
    """

    def __init__(self, rule: AutomaticRecovery) -> None:
        self.rule = rule
        self.phase = Phase.IDLE
        self.wake_at: float | None = None
        """When to feed a Tick; None when time alone changes nothing."""
        self._seen = Seen(Condition.COMING)
        self._tries: list[float] = []
        """When the steps within `window` began."""
        self._attempts = 0
        self._rung = 0
        self._due = 0.0
        self._well_since: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether it deals with something: dependents wait for the outcome."""
        return self.phase not in {Phase.IDLE, Phase.HELD}

    def feed(self, event: Input, now: float) -> list[Command]:
        """What is to be done now."""
        commands: list[Command] = []
        match event:
            case Seen():
                self._seen = event
            case Ended() if self.phase is Phase.DOING:
                self._end_step(event, now)
            case Taken():
                if self.phase is Phase.DOING:
                    commands.append(Abort())
                self._reset(Phase.HELD)
                self._tries.clear()
                self._seen = Seen(Condition.COMING)  # what was seen before says nothing any more
            case Released() if self.phase is Phase.HELD:
                self._seen = Seen(Condition.COMING)
                self.phase = Phase.IDLE
            case _:
                pass
        commands += self._go_on(now)
        return commands

    def _end_step(self, event: Ended, now: float) -> None:
        self._well_since = None
        self._due = now + self._spacing_s()
        # Where the service is well, waiting turns to proving at once.
        self.phase = Phase.GIVEN_UP if event.by_person else Phase.WAITING

    def _go_on(self, now: float) -> Iterator[Command]:
        self.wake_at = None
        if self.phase in {Phase.HELD, Phase.DOING}:
            return
        if self._seen.condition is Condition.STOPPED:
            self._reset(Phase.IDLE)
            return
        self._consider()
        if self.phase is Phase.IDLE and self._seen.condition in _UNWELL:
            self._open(now)
        if self.phase is Phase.WAITING:
            yield from self._wait(now)
        elif self.phase in {Phase.PROVING, Phase.GIVEN_UP}:
            yield from self._prove(now)

    def _consider(self) -> None:
        """Go where the condition alone leads."""
        condition = self._seen.condition
        if self.phase is Phase.WAITING and self._attempts == 0:
            # Nothing was done yet: what is well, or being restarted by its policy, needs nothing.
            self.phase = self.phase if condition in _UNWELL else Phase.IDLE
        elif self.phase is Phase.WAITING and condition is Condition.WELL:
            self.phase = Phase.PROVING
        elif self.phase is Phase.PROVING and condition in _BAD:
            self.phase = Phase.WAITING
            self._well_since = None

    def _open(self, now: float) -> None:
        self.phase = Phase.WAITING
        self._due = now + self.rule.grace

    def _wait(self, now: float) -> Iterator[Command]:
        is_given_up_on = self._seen.condition is Condition.FAILED and self._attempts == 0
        if now < self._due and not is_given_up_on:
            self.wake_at = self._due
        elif self._seen.condition in _BAD:
            yield self._climb(now)

    def _prove(self, now: float) -> Iterator[Command]:
        if self._seen.condition is not Condition.WELL:
            self._well_since = None
            return
        if self._well_since is None:
            self._well_since = now
        if now >= self._well_since + self.rule.stable_for:
            attempts = self._attempts
            self._reset(Phase.IDLE)
            yield Recovered(attempts)
        else:
            self.wake_at = self._well_since + self.rule.stable_for

    def _climb(self, now: float) -> Command:
        self._tries = [at for at in self._tries if at > now - self.rule.window]
        step = self._next_step() if len(self._tries) < self.rule.max_attempts else None
        if step is None:
            self.phase = Phase.GIVEN_UP
            self._well_since = None
            return Alert(self._seen.why, self._attempts)
        self._tries.append(now)
        self._attempts += 1
        self.phase = Phase.DOING
        dependency = self._seen.sick if step == "restart_dependency" else None
        return Try(step, self._attempts, self._seen.why, dependency)

    def _next_step(self) -> Rung | Script | None:
        """The next one that makes sense; None when a person must be told."""
        steps = self.rule.steps
        for place in range(min(self._rung, len(steps) - 1), len(steps)):
            step = steps[place]
            if step == "alert":
                return None
            if step != "restart_dependency" or self._seen.sick is not None:
                self._rung = place + 1
                return step
        return None

    def _spacing_s(self) -> float:
        doublings = min(max(self._attempts - 1, 0), _MAX_DOUBLINGS)
        return min(self.rule.cooldown * 2.0**doublings, self.rule.window)

    def _reset(self, phase: Phase) -> None:
        """Begin at the first step the next time; what was done lately still counts."""
        self.phase = phase
        self._attempts = 0
        self._rung = 0
        self._well_since = None
