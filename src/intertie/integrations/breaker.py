"""Circuit breakers: who fails again and again is left alone for a while. Pure but for the clock."""

from dataclasses import dataclass, field

_WITNESSES = 3
"""So many tenants must have seen a vendor fail before it is left alone for all of them."""


@dataclass(slots=True)
class Breaker:
    """Of one connection."""

    threshold: int
    recovery_s: float
    failures: int = 0
    """One after the other."""
    open_until: float = 0.0
    is_trying: bool = False
    is_refused: bool = False
    """The last failure was about credentials: the vendor is well."""

    def wait_s(self, now: float) -> float:
        """How long nothing may be asked; 0 lets a call through, after a break one at a time."""
        if self.failures < self.threshold:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.is_trying:
            return self.recovery_s
        self.is_trying = True
        return 0.0

    def worked(self) -> None:
        """A call was answered."""
        self.failures, self.is_trying = 0, False

    def failed(self, now: float, *, is_refused: bool = False) -> None:
        """A call was not, or these credentials were not taken."""
        self.failures += 1
        self.is_trying, self.is_refused = False, is_refused
        if self.failures >= self.threshold:
            self.open_until = now + self.recovery_s

    def left(self) -> None:
        """A call ended without showing anything: whoever comes next may try."""
        self.is_trying = False

    @property
    def is_open(self) -> bool:
        """Whether it has failed so often that it is left alone."""
        return self.failures >= self.threshold


@dataclass(slots=True)
class Evidence:
    """How an address of a vendor does for all: one tenant alone cannot make it look dead."""

    recovery_s: float = 30.0
    witnesses: set[str] = field(default_factory=set[str])
    """Tenants for whom it has failed `threshold` times in a row."""
    open_until: float = 0.0
    tries: str = ""
    """The tenant whose call finds out whether it is well again."""

    def wait_s(self, tenant: str, now: float) -> float:
        """How long this tenant's calls wait; 0 lets one through."""
        if len(self.witnesses) < _WITNESSES:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.tries not in {"", tenant}:
            return self.recovery_s
        self.tries = tenant
        return 0.0

    def worked(self) -> None:
        """It answered somebody: it is not dead."""
        if self.witnesses or self.tries:
            self.witnesses.clear()
            self.tries = ""

    def left(self, tenant: str) -> None:
        """A call of this tenant ended without showing anything: whoever comes next may try."""
        if self.tries == tenant:
            self.tries = ""

    def failed(self, tenant: str, now: float) -> None:
        """It has failed this tenant too often."""
        self.witnesses.add(tenant)
        self.tries = ""
        if len(self.witnesses) >= _WITNESSES:
            self.open_until = now + self.recovery_s

    @property
    def is_down(self) -> bool:
        """Whether several tenants found it dead."""
        return len(self.witnesses) >= _WITNESSES
