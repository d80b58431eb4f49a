"""A part of an account's budget that one gateway may spend without asking. Pure.

What is leased has been counted. It is spent within the policies' lag, or given back: so a gateway
that dies costs its leases, and never lets too much pass.
"""

from dataclasses import dataclass, field

from intertie.limits.counters import Account
from intertie.limits.decide import Decision, Standing, verdict

LEASE_US = 500_000
"""How long a lease lasts: the lag of every policy that leases are taken from."""
SHORTEST_US = 60_000_000
"""Windows shorter than this are asked for each request: a lease would be most of them."""
_LARGEST = 2000
_PART = 16
_REFUSAL_US = 50_000


@dataclass(slots=True)
class Lease:
    """What one gateway holds of one account."""

    account: Account
    spare: int = 0
    since_us: int = 0
    """When it was counted, by the engine's clock."""
    ends_us: int = 0
    """By the gateway's own clock."""
    standings: tuple[Standing, ...] = ()
    used: int = 0
    """Since the engine was last asked: as many may be wanted next."""
    refused_until_us: int = 0
    can_lease: bool = field(init=False)

    def __post_init__(self) -> None:
        self.can_lease = all(meter.policy.lag_us >= LEASE_US for meter in self.account.meters)

    def spend(self, now_us: int) -> Decision | None:
        """The decision about one request, if it can be made here."""
        if self.spare > 0 and now_us < self.ends_us:
            self.spare -= 1
            self.used += 1
            return Decision(True, self._with_spare())
        if now_us < self.refused_until_us:
            return verdict(False, self.standings)
        return None

    def wanted(self, waiting: int) -> int:
        """How many to ask for: for those that wait, and what is likely to follow them."""
        if not self.can_lease:
            return waiting
        room = min((each.remaining for each in self.standings), default=0) // _PART
        extra = min(self.used, room, _LARGEST)
        self.used = 0
        return waiting + extra

    def take(self, spare: int, *, since_us: int, asked_us: int) -> None:
        """What the engine granted beyond what was waited for. `asked_us` is before it counted."""
        self.spare, self.since_us, self.ends_us = spare, since_us, asked_us + LEASE_US

    def learn(self, standings: tuple[Standing, ...], now_us: int) -> None:
        """How the account stands, as the engine says."""
        self.standings = standings
        empty = [each.reset_us for each in standings if each.remaining == 0]
        wait_us = min(max(empty, default=0), _REFUSAL_US)
        self.refused_until_us = now_us + wait_us if empty and self.can_lease else 0

    def return_spare(self) -> int:
        """Give up what is left; how many that are."""
        left, self.spare = self.spare, 0
        return left

    def _with_spare(self) -> tuple[Standing, ...]:
        return tuple(
            Standing(each.policy, each.remaining + self.spare, each.reset_us)
            for each in self.standings
        )
