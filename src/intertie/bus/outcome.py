"""What a handler raises to say how its message goes on. Anything else raised means "try again"."""

from intertie.errors import BusError


class Retry(BusError):
    """Deliver the message again, not before `after_s`; it counts as a try."""

    def __init__(self, after_s: float = 1.0, reason: str = "") -> None:
        self.after_s = after_s
        super().__init__(reason or f"asked to be tried again in {after_s:g} s")


class Reject(BusError):
    """Make the message a dead letter now: no further try can help."""
