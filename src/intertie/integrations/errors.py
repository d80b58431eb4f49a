"""What may become of a call to a vendor; each class says whether to try again.

IntegrationError (retry "no" unless said)
├── AuthExpiredError     log in anew: nothing else helps
├── ScopeMissingError    the grant does not reach this far; `scopes` are missing
├── ThrottledError       "after": the vendor, or our own budget, wants a pause
├── QuotaSpentError      a day's or month's allowance is used up, until `until`
├── AbsentError          there is no such thing at the vendor
├── ClashError           the vendor has it otherwise by now
├── InvalidError         the vendor refuses what was asked; `fields` says where
├── VendorDownError      "yes": the vendor fails, or cannot be reached
│   ├── VendorTimeoutError  it did not answer in time
│   └── CircuitOpenError    it was not asked: it failed too often just now
├── SchemaDriftError     the answer is not what the vendor describes
├── EgressError          the address is none of this connector's
├── LoopError            pages that never end
└── WebhookForgedError   a delivery that the vendor did not sign
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from intertie.errors import IntertieError

Again = Literal["no", "yes", "after"]


class IntegrationError(IntertieError):
    """A call to a vendor failed; the text names the connection and what to do."""

    retry: ClassVar[Again] = "no"
    cause: ClassVar[str] = "vendor"
    """Whom health blames: auth, scope, quota, vendor, request, drift, egress."""

    def __init__(
        self, message: str, *, status: int = 0, retry_after_s: float | None = None
    ) -> None:
        self.status = status
        """Of the vendor's answer; 0 when there is none."""
        self.retry_after_s = retry_after_s
        self.code = ""
        """The vendor's own word for what went wrong."""
        self.again: bool | None = None
        """Whether the vendor wants to be asked once more; None when it does not say."""
        super().__init__(message)


class AuthExpiredError(IntegrationError):
    """The vendor does not take these credentials any more."""

    cause = "auth"


class ScopeMissingError(IntegrationError):
    """The grant does not reach this far."""

    cause = "scope"

    def __init__(self, message: str, *, scopes: Sequence[str] = (), status: int = 0) -> None:
        self.scopes = tuple(scopes)
        super().__init__(message, status=status)


class ThrottledError(IntegrationError):
    """Too much was asked; `retry_after_s` says how long to wait, where that is known."""

    retry = "after"
    cause = "quota"


class QuotaSpentError(IntegrationError):
    """An allowance is used up."""

    cause = "quota"

    def __init__(self, message: str, *, until: datetime | None = None, status: int = 0) -> None:
        self.until = until
        super().__init__(message, status=status)


class AbsentError(IntegrationError):
    """There is no such thing at the vendor."""

    cause = "request"


class ClashError(IntegrationError):
    """The vendor has it otherwise by now."""

    cause = "request"


class InvalidError(IntegrationError):
    """The request makes no sense; nothing was sent, or the vendor refused it."""

    cause = "request"

    def __init__(
        self, message: str, *, fields: Mapping[str, str] | None = None, status: int = 0
    ) -> None:
        self.fields = dict(fields or {})
        super().__init__(message, status=status)


class VendorDownError(IntegrationError):
    """The vendor fails, or cannot be reached."""

    retry: ClassVar[Again] = "yes"


class VendorTimeoutError(VendorDownError):
    """No answer in time."""


class CircuitOpenError(VendorDownError):
    """Not asked: it failed too often just now."""

    retry = "no"


class SchemaDriftError(IntegrationError):
    """The answer is not what the vendor describes."""

    cause = "drift"


class EgressError(IntegrationError):
    """The address is none of this connector's."""

    cause = "egress"


class LoopError(IntegrationError):
    """Pages that never end."""


class WebhookForgedError(IntegrationError):
    """The vendor did not sign this."""

    cause = "auth"
