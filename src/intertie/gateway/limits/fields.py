"""How limits are told to clients: the RateLimit fields and the problem document.

Source: draft-ietf-httpapi-ratelimit-headers-09, structured fields (RFC 9651). A partition key
(`pk`) is never told: it would be the name of the client.
"""

from collections.abc import Iterable
from math import ceil

from intertie.limits.decide import MICROSECONDS, Decision, Policy, Standing

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
POLICY_FIELD, STATE_FIELD = "ratelimit-policy", "ratelimit"


def policy_field(policies: Iterable[Policy]) -> str:
    """The value of `RateLimit-Policy`: `"default";q=1000;w=3600, "burst";q=100;w=60`."""
    return ", ".join(
        f'"{each.name}";q={each.count};w={-(-each.period_us // MICROSECONDS)}' for each in policies
    )


def state_field(standings: Iterable[Standing]) -> str:
    """The value of `RateLimit`: `"default";r=999;t=3600`; `t` is when more will be free."""
    return ", ".join(
        [
            f'"{each.policy.name}";r={each.remaining};t={-(-each.reset_us // MICROSECONDS)}'
            for each in standings
        ]
    )


def retry_after(decision: Decision) -> int:
    """Whole seconds, at least one, and never before the request would be let in."""
    return max(1, ceil(decision.retry_after_s))
