"""Who asks, and what they may do."""

from dataclasses import dataclass

from intertie.errors import AccessDeniedError


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller, as written into every change; made by `Control.identify`."""

    name: str
    may_read: bool
    may_write: bool

    def require_read(self) -> None:
        """Raise AccessDeniedError unless the caller may look."""
        if not self.may_read:
            raise AccessDeniedError(_DENIED)

    def require_write(self) -> None:
        """Raise AccessDeniedError unless the caller may change things."""
        if not self.may_write:
            raise AccessDeniedError(_DENIED)


_DENIED = (
    "cannot do this without the management key: send `Authorization: Bearer …` with the contents"
    " of .intertie/run/api.token, or start the suite with `--insecure-local`"
)
