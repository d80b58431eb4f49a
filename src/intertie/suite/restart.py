"""What happens when a service ends, and when it is made to end."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from intertie.suite.values import (
    Count,
    Duration,
    Flag,
    Model,
    Percent,
    Period,
    Size,
    one_or_more,
    whole,
)

_ExitCode = Annotated[int, Field(strict=True, ge=0, le=255), BeforeValidator(whole)]


def _compose_word(value: object) -> object:
    return "no" if value is False or value == "never" else value


def policy(value: object) -> object:
    """Compose's short form: the policy as a word, `on-failure:3` for three attempts."""
    if value is False:
        return {"policy": "no"}  # what YAML makes of an unquoted `no`
    if not isinstance(value, str):
        return value
    word, colon, attempts = value.partition(":")
    return {"policy": word, "max_attempts": attempts} if colon else {"policy": word}


class RestartWhen(Model):
    """Reasons to end a running replica, so that it starts anew."""

    unhealthy: Flag = False
    """Its health check turned DOWN."""
    memory: Size | None = None
    """Its processes together hold more resident memory than this."""
    cpu: Percent | None = None
    """Its processes together used more of one CPU than this for as long as `cpu_for`."""
    cpu_for: Period = 60.0
    """How long `cpu` must be exceeded."""
    age: Period | None = None
    """It has run this long; replicas of a service follow one after the other."""


class Restart(Model):
    """When an ended replica is started again, and how long to wait before."""

    policy: Annotated[
        Literal["no", "on-failure", "always", "unless-stopped"],
        BeforeValidator(
            _compose_word,
            json_schema_input_type=Literal[
                "no", "never", "on-failure", "always", "unless-stopped", False
            ],
        ),
    ] = "no"
    """`no` (or `never`) leaves it ended; `on-failure` is for exit codes of failure and for signals;
    `always` also starts one that was stopped when the suite is brought up again, `unless-stopped`
    does not."""
    max_attempts: Count | None = None
    """Restarts allowed within `window`; one more failure and the service is FAILED."""
    window: Duration = 300.0
    """Restarts longer ago than this are forgotten."""
    reset_after: Period | None = None
    """A run of at least this long clears what was counted; without it only `window` does."""
    backoff: Literal["exponential", "fixed"] = "exponential"
    """Whether the wait doubles from restart to restart or stays at `delay`."""
    delay: Duration = 0.5
    """The first restart comes at once; the second waits up to this long, then doubling."""
    max_delay: Duration = 30.0
    """The wait grows up to this."""
    jitter: Flag = True
    """Wait a random part of an exponential delay, so that not all return at once."""
    success_exit_codes: Annotated[
        tuple[_ExitCode, ...],
        BeforeValidator(one_or_more, json_schema_input_type=int | list[int]),
    ] = (0,)
    """Exit codes that are no failure; a service that ends so has completed."""
    when: RestartWhen = RestartWhen()
    """Reasons to restart a replica that runs."""
