"""Remediation: what is known of it. An entry is one answer to an alert, from its beginning on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal

from intertie.suite.remediation import Mode

Status = Literal[
    "doing",
    "waiting",
    "recovered",
    "not_recovered",
    "failed",
    "interrupted",
    "proposed",
    "withdrawn",
    "expired",
    "declined",
    "shadow",
    "refused",
    "given_up",
]
ACTED = frozenset({"doing", "waiting", "recovered", "not_recovered", "failed", "interrupted"})
"""Something was done, or begun."""
STOP = "stop"
"""The action after which a service is not to be UP."""
FINAL = frozenset({"given_up", "expired", "declined"})
"""Nothing more is done while the alert goes on."""


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert, now."""

    labels: Mapping[str, str]
    """With `alertname` and `severity`."""
    since: datetime
    fingerprint: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", fingerprint(self.labels))

    @property
    def name(self) -> str:
        """Of its rule."""
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        """Its label."""
        return self.labels.get("severity", "")


@dataclass(frozen=True, slots=True)
class Site:
    """The suite as far as it matters to what may be done."""

    instances: Mapping[str, int]
    """Replicas of each of the suite's own services."""
    needs: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """What each depends on."""
    busy: Mapping[str, str] = field(default_factory=dict[str, str])
    """Services that others are changing, and what they do."""
    unwell: frozenset[str] = frozenset()
    """Services that are not UP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One answer to an alert; a row of the ledger."""

    id: int = 0
    """0: not written yet."""
    rule: str
    alert: str
    fingerprint: str
    service: str
    """Empty: it is done to none."""
    action: str
    """In words."""
    mode: Mode
    attempt: int
    """From 1, of the rule on the service while the alert goes on."""
    status: Status
    code: str = ""
    """Of a refusal: a word that does not change."""
    why: str = ""
    at: datetime
    deadline: datetime | None = None
    """Of what waits: for recovery, for approval; in shadow, for either."""
    ended_at: datetime | None = None
    """None: it is going on."""
    resolved_at: datetime | None = None
    """When the alert was over."""
    change: str = ""
    by: str = ""
    """Who approved or declined it."""

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.ended_at is None

    def acts(self, *, shadow: bool) -> bool:
        """Whether something was done; in shadow, also whether it would have been."""
        return self.status in ACTED or (shadow and self.status == "shadow")


def fingerprint(labels: Mapping[str, str]) -> str:
    """The same for the same labels, in any process; an empty label is as none."""
    told = json.dumps(sorted((k, v) for k, v in labels.items() if v))
    return sha256(told.encode()).hexdigest()[:16]
