"""Single sign-on: who a browser's user is, by whom that was told, and for how long it holds."""

from intertie.errors import AccessDeniedError, IntertieError


class LoginRefusedError(AccessDeniedError):
    """This login does not succeed; the text tells the user why and what to do."""


class TooManyTriesError(LoginRefusedError):
    """The user, or somebody in the user's name, tried too often."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class ProviderError(IntertieError):
    """A provider cannot be reached, or answers what it should not; trying again may help."""
