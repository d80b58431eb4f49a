"""Who asks, and what they may do."""

from dataclasses import dataclass, field

from intertie.errors import AccessDeniedError
from intertie.identity import audit


class ForbiddenError(AccessDeniedError):
    """We know who the caller is, and it may not do this."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may do about identities: users, groups, keys and the trail of changes."""

    sees: bool = False
    """Groups, roles and tenants, by name."""
    manages: bool = False
    """Sees and changes all of it."""
    tenant: str | None = None
    """Only what is this tenant's; None is everything."""
    roles: tuple[str, ...] = ()
    """Its own: within one tenant nobody gives away what he has not."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller, as written into every change; made by `Control.identify`."""

    name: str
    may_read: bool
    may_write: bool
    reach: Reach = field(default=Reach())
    is_known: bool = False
    """It has shown a key or a token that is good."""
    via: str = ""
    """The way in: `rest`, `grpc`."""
    address: str = ""
    """Where it asks from, if that is known."""

    def require_read(self) -> None:
        """Raise AccessDeniedError unless the caller may look."""
        if not self.may_read:
            raise self._denied()

    def require_write(self) -> None:
        """Raise AccessDeniedError unless the caller may change things."""
        if not self.may_write:
            raise self._denied()

    def require_own_read(self) -> None:
        """Raise AccessDeniedError unless the caller may look, be it at its own tenant's only.

        Whoever asks shows it nothing that is not of `reach.tenant`.
        """
        of_tenant = self.reach.tenant is not None
        if not (self.may_read or (of_tenant and (self.reach.sees or self.reach.manages))):
            raise self._denied()

    def require_own_write(self) -> None:
        """Raise AccessDeniedError unless the caller may change things, be it its own tenant's only.

        Whoever asks changes nothing that is not of `reach.tenant`.
        """
        if not (self.may_write or (self.reach.tenant is not None and self.reach.manages)):
            raise self._denied()

    def require_sight(self) -> None:
        """Raise AccessDeniedError unless the caller may look at groups, roles and tenants."""
        if not (self.reach.sees or self.reach.manages):
            raise self._denied()

    def require_management(self) -> None:
        """Raise AccessDeniedError unless the caller may see and change users and keys."""
        if not self.reach.manages:
            raise self._denied()

    @property
    def author(self) -> audit.Actor:
        """As the audit trail names it."""
        return audit.Actor(self.name, via=self.via, address=self.address)

    def _denied(self) -> AccessDeniedError:
        if self.is_known:
            return ForbiddenError(f"cannot do this as {self.name}: {_LACKING}")
        return AccessDeniedError(_DENIED)


_DENIED = (
    "cannot do this without the management key: send `Authorization: Bearer …` with the contents"
    " of .intertie/run/api.token, or start the suite with `--insecure-local`"
)
_LACKING = "none of its roles allows it here; see `api.roles` of the suite file"
