"""What a media service answers instead of doing what was asked.

IntertieError
├── Refused         an HTTP answer of its own: status, a code for programs, a sentence for people
└── SettingError    the service cannot start as it was told to
"""

from intertie.errors import IntertieError

CHECKSUM_MISMATCH = 460
"""HTTP status; not registered, but what resumable uploads answer since tus 1.0."""


class Refused(IntertieError):
    """The request is not carried out; becomes a problem document (RFC 9457) with these members."""

    def __init__(self, message: str, *, status: int, code: str, **members: object) -> None:
        self.status = status
        self.code = code
        self.members = members
        super().__init__(message)


class SettingError(IntertieError):
    """A variable of the environment has a value that cannot be used."""
