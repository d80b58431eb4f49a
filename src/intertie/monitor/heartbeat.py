"""A sign of life on the wire, and when one is missing. Pure.

A heartbeat is a small JSON document, signed as webhooks are: header `X-Intertie-Signature`, HMAC of
its time and body. It is good for a minute and for one name, and each must be newer than the last.
"""

import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from intertie.errors import AccessDeniedError, IntertieError, RequestError
from intertie.monitor.channels.webhook import SIGNATURE, signature
from intertie.monitor.rules import SEVERITY, AlertRule, Rules, labels_of
from intertie.suite.heartbeats import Expect

SILENCE: Final = "intertie_heartbeat_silence_seconds"
HEARTBEAT: Final = "heartbeat"
GOOD_FOR = timedelta(seconds=60)
"""How far its time and ours may be apart."""
MOST_BYTES = 4096
_SHORTEST_SECRET = 16
_SIGNED = re.compile(r"t=([0-9]{1,12}),v1=[0-9a-f]{64}")


class Beat(BaseModel):
    """What a heartbeat says."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    suite: str = Field(min_length=1, max_length=200)
    """Who sends it."""
    name: str = Field(min_length=1, max_length=200)
    """What it is called there: the last part of the address."""
    at: AwareDatetime
    """When it was made."""
    every_s: float = Field(gt=0, allow_inf_nan=False)
    """How often it is sent."""


def packed(beat: Beat, secret: str) -> tuple[bytes, Mapping[str, str]]:
    """Body and headers of a request. Raises IntertieError for a secret that is too short."""
    data = beat.model_dump_json().encode()
    signed = signature(data, _strong(secret, beat.name), at=beat.at)
    return data, {SIGNATURE: signed, "Content-Type": "application/json"}


def opened(data: bytes, signed: str, *, name: str, secret: str, now: datetime) -> Beat:
    """The heartbeat in a request to `name`.

    Raises AccessDeniedError for one that is forged, for another name, or made too long before or
    after `now`; RequestError for one that is signed well and makes no sense.
    """
    cannot = f"cannot take heartbeat {name!r}"
    found = _SIGNED.fullmatch(signed)
    made_at = datetime.fromtimestamp(int(found[1]) if found else 0, UTC)
    expected = signature(data, _strong(secret, name), at=made_at)
    if not hmac.compare_digest(expected.encode(), signed.encode("utf-8", "replace")):
        raise AccessDeniedError(f"{cannot}: its header {SIGNATURE} is not by who knows the secret")
    try:
        beat = Beat.model_validate_json(data)
    except ValidationError as exc:
        raise RequestError(f"{cannot}: {exc.errors()[0]['msg']}") from exc
    if beat.name != name:
        raise AccessDeniedError(f"{cannot}: it was signed for {beat.name!r}")
    if max(abs(now - beat.at), abs(now - made_at)) > GOOD_FOR:
        apart = (now - beat.at).total_seconds()
        raise AccessDeniedError(f"{cannot}: its clock is {apart:.0f} s behind ours, or it is old")
    return beat


def _strong(secret: str, name: str) -> str:
    if len(secret.encode()) < _SHORTEST_SECRET:
        why = f"its secret is shorter than {_SHORTEST_SECRET} bytes"
        raise IntertieError(f"cannot sign or check heartbeat {name!r}: {why}; take a longer one")
    return secret


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of somebody who is expected to send heartbeats."""

    suite: str = ""
    """Whose the last was."""
    sent_at: datetime | None = None
    """When the newest was made, by their clock."""
    heard_at: datetime | None = None
    """When it came, by ours."""
    silent_s: float = 0.0
    """How long this suite has listened since then, or since it began to: time that it was down
    itself does not count, for it heard nobody then."""
    count: int = 0


def heard(before: Heard, beat: Beat, now: datetime) -> Heard | None:
    """What is known after it; None: it is no newer than the last, so a copy."""
    if before.sent_at is not None and beat.at <= before.sent_at:
        return None
    return Heard(beat.suite, beat.at, now, count=before.count + 1)


def listened(before: Heard, seconds: float) -> Heard:
    """After so long without one."""
    return replace(before, silent_s=before.silent_s + max(seconds, 0.0))


def with_heartbeats(rules: Rules, expected: Mapping[str, Expect]) -> Rules:
    """And those about missing heartbeats, unless a rule of the suite has that name."""
    taken = {rule.name for rule in rules.rules}
    own = [_rule(name, each) for name, each in expected.items()]
    return replace(rules, rules=(*rules.rules, *(each for each in own if each.name not in taken)))


def rule_name(name: str) -> str:
    """Of the rule about the heartbeat."""
    return f"HeartbeatMissing_{name}"


def _rule(name: str, expect: Expect) -> AlertRule:
    expr = f"{SILENCE}{{{HEARTBEAT}={json.dumps(name)}}} > {expect.within:g}"
    summary = (
        f"no heartbeat {name} for {{{{ $value }}}} s: whoever sends it is down, cannot measure,"
        " keep or alert, or cannot reach this suite"
    )
    return AlertRule(
        name=rule_name(name),
        expr=expr,
        shown=f"heartbeat {name} within {expect.within:g} s",
        severity=expect.severity,
        labels=labels_of([(SEVERITY, expect.severity)]),
        annotations=(("summary", summary),),
        no_data="keep",
    )
