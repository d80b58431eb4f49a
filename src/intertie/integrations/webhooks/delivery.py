"""A call of a vendor as it came in, what it is answered, and the checks all schemes share."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from intertie.integrations.errors import WebhookForgedError

MOST_SIGNATURES = 16
"""In one delivery; a vendor in the middle of a rotation sends two or three."""
_MOST_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came in, before anybody believed it. Its `repr` shows nothing that may be secret."""

    method: str
    url: str = field(repr=False)
    """As the vendor called it, outside of all proxies: some sign it."""
    headers: Mapping[str, Sequence[str]] = field(repr=False)
    """Names in lower case; each value of a header that is there several times."""
    body: bytes = field(repr=False)
    received_at: datetime

    def header(self, name: str) -> str:
        """Its value, empty where it is missing. Raises WebhookForgedError when it is there twice.

        What is there twice may be read differently by whoever stands before us.
        """
        values = self.headers.get(name, ())
        if len(values) > 1:
            raise forged(f"{name} is there {len(values)} times")
        return values[0].strip() if values else ""

    def needed(self, name: str) -> str:
        """The same. Raises WebhookForgedError where it is missing too."""
        value = self.header(name)
        if not value:
            raise forged(f"{name} is missing")
        return value


@dataclass(frozen=True, slots=True)
class Reply:
    """What the vendor is answered."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def forged(why: str) -> WebhookForgedError:
    """The error for a delivery that is not believed."""
    return WebhookForgedError(f"cannot take a delivery: {why}")


def equal(right: str, given: str) -> bool:
    """Whether two texts are the same, in a time that does not say where they differ."""
    return hmac.compare_digest(right.encode(), given.encode("utf-8", "replace"))


def matching(secrets: Sequence[str], signatures: Sequence[str], right: Callable[[str], str]) -> int:
    """Which secret makes one of these signatures. Raises WebhookForgedError when none does."""
    if len(signatures) > MOST_SIGNATURES:
        raise forged(f"it has {len(signatures)} signatures")
    for index, secret in enumerate(secrets):
        # An empty key would let anybody sign.
        expected = right(secret) if secret.strip() else ""
        if expected and any(equal(expected, each) for each in signatures):
            return index
    raise forged("its signature is not that of an active secret")


def check_time(stamp: str, delivery: Delivery, tolerance_s: float, *, per_s: int = 1) -> None:
    """Raise WebhookForgedError unless the stamp is of now, give or take; `per_s` is its unit."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _MOST_DIGITS):
        raise forged("its time is no number")
    off_s = delivery.received_at.timestamp() - int(stamp) / per_s
    if abs(off_s) > tolerance_s:
        raise forged(f"it is {abs(off_s):.0f} s {'old' if off_s > 0 else 'early'}")
