"""Who watches the watcher: signs of life that are sent, and such as are expected."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from intertie.suite.secret import Reference
from intertie.suite.values import Model, Name, Period, at


class Send(Model):
    """Somebody who is told again and again that monitoring works."""

    url: Annotated[str, Field(min_length=1, max_length=2000)]
    """Another suite's `…/api/monitoring/heartbeats/NAME`, or a service that waits for pings; a
    reference where it holds a secret."""
    every: Period = 60.0
    """How often; never more often than samples are collected."""
    secret: Reference | None = None
    """Signs each (HMAC-SHA256), as another suite wants it: a reference of 16 bytes or more. None:
    a plain request, as services that wait for pings want it."""
    method: Literal["GET", "POST"] = "POST"
    """Of a plain request."""

    @model_validator(mode="after")
    def _signs_a_body(self) -> Self:
        if self.secret is not None and self.method != "POST":
            raise at("method", "a signed heartbeat is posted")
        return self


class Expect(Model):
    """Somebody whose heartbeat may not stay away."""

    within: Annotated[Period, Field(ge=1)]
    """It is alarming when none came for so long while this suite listened."""
    secret: Reference
    """What the other side signs with: a reference."""
    severity: Literal["critical", "warning"] = "critical"
    """Of the alert."""


class DeadMansSwitch(Model):
    """Heartbeats, so that also the end of monitoring is told."""

    send: dict[Name, Send] = {}
    """Told while collecting, keeping and alerting all work, by name."""
    expect: dict[Name, Expect] = {}
    """Heard at `POST /api/monitoring/heartbeats/NAME`, by name; a missing one is the alert
    `HeartbeatMissing_NAME`."""
