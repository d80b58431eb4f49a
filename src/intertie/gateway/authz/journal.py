"""What was decided, and by which value: for `explain request`. Holds no credential, no query."""

import json
import logging
from collections.abc import Callable, Mapping
from secrets import randbelow
from time import monotonic

from intertie.gateway.authz.answer import Refusal
from intertie.gateway.authz.incidents import About, IncidentBook, kind_of
from intertie.gateway.authz.question import Question
from intertie.gateway.limits.plan import network
from intertie.identity.principal import Principal
from intertie.limits.decide import MICROSECONDS, Decision
from intertie.suite.values import DEFAULT_TENANT

MOST_PER_S = 100
"""Refusals told in one second; a flood of them must not fill the disk."""

log = logging.getLogger(__name__)


def to_log(line: Mapping[str, object]) -> None:
    """One line of JSON."""
    log.info("%s", json.dumps(line))


class Journal:
    """All refusals within reason, and a sample of what was let in."""

    def __init__(
        self,
        write: Callable[[Mapping[str, object]], None] = to_log,
        *,
        now_s: Callable[[], float] = monotonic,
        chance: Callable[[], float] = lambda: randbelow(1_000_000) / 1_000_000,
        incidents: IncidentBook | None = None,
    ) -> None:
        """`incidents` are those that the daemon asks for."""
        self.incidents = incidents or IncidentBook()
        self.sample = 0.0
        self._write = write
        self._now_s = now_s
        self._chance = chance
        self._second = 0
        self._told = 0
        self._dropped = 0

    def allowed(
        self, question: Question, principal: Principal | None, decision: Decision | None
    ) -> None:
        """It was let in."""
        if self.sample and self._chance() < self.sample:
            self._write(_line("allowed", question, principal, _value(decision)))

    def shadow(self, question: Question, principal: Principal | None, decision: Decision) -> None:
        """It would have been refused."""
        if self._may_tell():
            names = {"code": "rate_limited", "policy": ",".join(decision.violated)}
            told = {**names, **_value(decision)}
            self._write(_line("shadow", question, principal, told))

    def refused(
        self,
        question: Question,
        principal: Principal | None,
        refusal: Refusal,
        decision: Decision | None = None,
    ) -> None:
        """It was refused."""
        if kind := kind_of(refusal.status, refusal.code):
            client = principal.client if principal else f"ip:{network(question.address)}"
            tenant = principal.tenant if principal else DEFAULT_TENANT
            about = About(
                kind, client, tenant, ",".join(refusal.violated) or refusal.policy, refusal.code
            )
            self.incidents.seen(about, question.route)
        if self._may_tell():
            told = {"code": refusal.code, "policy": refusal.policy, "status": refusal.status}
            self._write(_line("refused", question, principal, {**told, **_value(decision)}))

    def _may_tell(self) -> bool:
        second = int(self._now_s())
        if second != self._second:
            if self._dropped:
                self._write({"decision": "not told", "count": self._dropped})
            self._second, self._told, self._dropped = second, 0, 0
        if self._told >= MOST_PER_S:
            self._dropped += 1
            return False
        self._told += 1
        return True


def _line(
    decided: str, question: Question, principal: Principal | None, told: Mapping[str, object]
) -> Mapping[str, object]:
    line = {
        "decision": decided,
        "request_id": question.request_id,
        "route": question.route,
        "method": question.method,
        "path": question.target.partition("?")[0],
        "address": question.address,
        "client": principal.client if principal else "",
        "tenant": principal.tenant if principal else "",
        **told,
    }
    return {key: value for key, value in line.items() if value != ""}


def _value(decision: Decision | None) -> Mapping[str, object]:
    """How the limits stood."""
    if decision is None:
        return {}
    if decision.away:
        return {"limits": "away"}
    return {
        "limits": {
            each.policy.name: {
                "limit": each.policy.count,
                "remaining": each.remaining,
                "reset_s": -(-each.reset_us // MICROSECONDS),
            }
            for each in decision.standings
        }
    }
