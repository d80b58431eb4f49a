"""Messages as JSON to any address, in the format of Alertmanager's webhooks."""

import hashlib
import hmac
import json
import math
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from intertie.monitor.channels.port import Message, Now, Resolve, Told, resolved
from intertie.monitor.channels.post import Post
from intertie.suite.monitoring import WebhookChannel

SIGNATURE = "X-Intertie-Signature"
_NEVER = "0001-01-01T00:00:00Z"
"""What Alertmanager writes for the end of what has not ended."""
_FNV_START = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3


class Webhook:
    """Posts a message, signed if there is a secret."""

    def __init__(
        self,
        name: str,
        config: WebhookChannel,
        *,
        resolve: Resolve,
        now: Now,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self.name = name
        self._post = Post(name, trusted)
        self._config = config
        self._resolve = resolve
        self._now = now

    async def send(self, message: Message) -> str:
        """As `Channel`."""
        url = await resolved(self._resolve, self._config.url, channel=self.name)
        data = body(message, receiver=self.name)
        headers = {"Idempotency-Key": idempotency_key(message.key)}
        secrets: list[str] = []
        if self._config.secret is not None:
            secret = await resolved(self._resolve, self._config.secret, channel=self.name)
            secrets.append(secret)
            headers[SIGNATURE] = signature(data, secret, at=self._now())
        return await self._post(url, data, headers, secrets=secrets)


def signature(data: bytes, secret: str, *, at: datetime) -> str:
    """`t=<seconds since 1970>,v1=<hex>`: HMAC-SHA256 of "t.body": no old one can be replayed."""
    seconds = str(int(at.timestamp()))
    signed = hmac.new(secret.encode(), seconds.encode() + b"." + data, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"


def idempotency_key(key: str) -> str:
    """The key itself if a header can carry it, else its SHA-256."""
    plain = re.fullmatch(r"[!-~]{1,255}", key)
    return key if plain else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def body(message: Message, *, receiver: str) -> bytes:
    """Version 4 of the format. Ours beside it: title, message, kind, severity and values."""
    group = dict(message.group)
    labels = _common([alert.labels for alert in message.alerts])
    payload: dict[str, object] = {
        "version": "4",
        "groupKey": "{}:" + json.dumps(group, ensure_ascii=False, sort_keys=True),
        "truncatedAlerts": 0,
        "status": "resolved" if message.kind == "resolved" else "firing",
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": labels,
        "commonAnnotations": _common([alert.annotations for alert in message.alerts]),
        "externalURL": message.link or "",
        "alerts": [_alert(alert) for alert in message.alerts],
        "title": message.title,
        "message": message.text,
        "kind": message.kind,
        "severity": message.severity,
    }
    if message.trace_id:
        payload["traceId"] = message.trace_id
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


def fingerprint(labels: Mapping[str, str]) -> str:
    """The same as Prometheus and Alertmanager give it.

    Source: `labelSetToFingerprint` of prometheus/common: FNV-1a of sorted names and values, each
    followed by 0xFF.
    """
    told = b"".join(
        part.encode("utf-8", "replace") + b"\xff"
        for pair in sorted(labels.items())
        for part in pair
    )
    found = _FNV_START
    for byte in told:
        found = ((found ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"


def _alert(alert: Told) -> dict[str, object]:
    value = alert.value if alert.value is not None and math.isfinite(alert.value) else None
    return {
        "status": "firing" if alert.ends_at is None else "resolved",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": _stamp(alert.starts_at),
        "endsAt": _NEVER if alert.ends_at is None else _stamp(alert.ends_at),
        "generatorURL": "",
        "fingerprint": fingerprint(alert.labels),
        "value": value,
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _common(sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them have alike."""
    first, *others = sets or [{}]
    return {key: value for key, value in first.items() if all(o.get(key) == value for o in others)}
