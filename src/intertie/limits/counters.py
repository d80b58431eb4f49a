"""Where requests are counted, whatever counts them."""

from dataclasses import dataclass
from typing import Protocol

from intertie.limits.decide import Decision, Meter, Standing


@dataclass(frozen=True, slots=True)
class Account:
    """The meters that one kind of request of one client is held against, all at once."""

    id: str
    """Two accounts of one id have the same meters."""
    tag: str
    """Accounts of one tag are kept on one machine of a cluster."""
    meters: tuple[Meter, ...]
    tells: bool = True
    """Whether a decision that allows says how the meters stand, which takes time."""


class Counters(Protocol):
    """Memory of one process, or an engine that several share."""

    def quick(self, account: Account) -> Decision | None:
        """The decision about one more request, if it needs no waiting; else None, nothing taken."""
        ...

    async def take(self, account: Account) -> Decision:
        """The decision about one more request. Never raises."""
        ...

    async def usage(self, account: Account) -> tuple[Standing, ...]:
        """How it stands; nothing is taken. Raises BusError if the counters are away."""
        ...
