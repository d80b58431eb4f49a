"""The error tree. A class exists only where some caller acts on it.

IntertieError
├── RequestError       what was asked for makes no sense; whoever asked can put that right
├── SuiteError         the suite file is faulty; carries every Fault
├── DriverError        a service cannot be started, signalled or adopted
├── GatewayError       the gateway refused a configuration; the previous one stays live
├── ChangeError        a change failed or was aborted
│   └── NeedError      a service was not started because of another one
├── StoreError         the control plane's own storage failed
│   ├── NotFoundError  no such record, blob, service or change
│   └── ConflictError  somebody else wrote first
├── BusError           a message cannot be published, or a subscription not be made
│   └── BusUnavailableError  the broker cannot be reached now
├── PluginError        a plugin cannot be loaded
├── AccessDeniedError  the caller may not do this
├── TooMuchError       the caller has used up what it may have for now
└── DaemonError        the daemon is not running, already running or does not answer
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class IntertieError(Exception):
    """Anything Intertie reports to a person; the text is fit to be shown as it is."""


class RequestError(IntertieError):
    """What was asked for makes no sense; whoever asked can put that right."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a suite file. `line` and `column` are 1-based; 0 when unknown."""

    file: Path
    line: int
    column: int
    key: str
    """Dotted path of the faulty key, for example `services.api.port`."""
    message: str
    hint: str = ""
    """What to do about it, for example the nearest valid key."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else f"{self.file}"
        told = f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"
        return f"{told} ({self.hint})" if self.hint else told


class SuiteError(IntertieError):
    """The suite file cannot be used; `faults` lists every mistake found, in file order."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class DriverError(IntertieError):
    """A service cannot be started, signalled or adopted."""

    def __init__(self, message: str, *, service: str) -> None:
        self.service = service
        super().__init__(message)


class GatewayError(IntertieError):
    """The gateway refused a configuration; the previous one is still live."""


class ChangeError(IntertieError):
    """A change failed or was aborted."""


class NeedError(ChangeError):
    """A service was not started because of another one; `root` is the one to look at."""

    def __init__(self, message: str, *, root: str, cause: str) -> None:
        self.root = root
        self.cause = cause
        """What became of it, as the end of a sentence that begins with its name."""
        super().__init__(message)


class StoreError(IntertieError):
    """The control plane's storage cannot be read or written."""


class NotFoundError(StoreError):
    """No such record, blob, service or change."""


class ConflictError(StoreError):
    """Somebody else wrote first, or the thing exists already."""


class BusError(IntertieError):
    """A message cannot be published or a subscription not be made; trying again does not help."""


class BusUnavailableError(BusError):
    """The broker cannot be reached, or did not confirm in time; trying again may help."""


class PluginError(IntertieError):
    """A plugin cannot be loaded, or its file, order or settings are wrong."""


class AccessDeniedError(IntertieError):
    """The caller may not do this."""


class TooMuchError(IntertieError):
    """The caller has used up what it may have for now; the same may be taken later."""

    def __init__(self, message: str, *, again_s: int) -> None:
        self.again_s = again_s
        """Seconds until it may be."""
        super().__init__(message)


class DaemonError(IntertieError):
    """The daemon is not running, is running already, or does not answer."""
