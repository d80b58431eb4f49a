"""What can go wrong with media, by whom it has to be mended.

MediaError          the work on one asset failed; `kind` says who can mend it
└── MediaRefused    the file is not taken, decided before any real work
"""

from typing import Literal

from intertie.errors import IntertieError

Kind = Literal["input", "capacity", "bug"]


class MediaError(IntertieError):
    """The work on one asset failed; the text is fit to be shown to the uploader.

    `input`: the file is at fault, the same file fails again. `capacity`: this machine, now, could
    not; trying again is right. `bug`: ffmpeg or we are at fault; a person must look.
    """

    def __init__(self, message: str, *, code: str, kind: Kind) -> None:
        self.code = code
        self.kind: Kind = kind
        super().__init__(message)

    @property
    def message(self) -> str:
        """The sentence for the uploader."""
        return str(self)

    @property
    def retryable(self) -> bool:
        """Whether the same work may succeed later."""
        return self.kind == "capacity"


class MediaRefused(MediaError):
    """The file is not taken; `code` says why in a word that programs may rely on."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message, code=code, kind="input")
