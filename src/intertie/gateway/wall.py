"""Keeps what is wrong with one tenant's routes from everybody else."""

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from intertie.suite.model import Suite
from intertie.suite.route import Route

_Kept = TypeAdapter(dict[str, tuple[Route, ...]])


class TenantWall:
    """Which routes of tenants were good last, and which tenants have new ones that are not.

    `file` remembers the good ones for the next daemon.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._good: dict[str, tuple[Route, ...]] = {}
        self.refused: Mapping[str, str] = {}
        """Why, by the tenant's name."""

    def load(self) -> None:
        """Of an earlier daemon. A file that says nothing of use is as none."""
        try:
            self._good = _Kept.validate_json(self._file.read_bytes())
        except (OSError, ValueError):
            self._good = {}

    def suite(self, wanted: Suite, refused: Collection[str]) -> Suite:
        """The same, where tenants that are refused keep the routes that were good."""
        tenants = {
            name: tenant.model_copy(update={"routes": self._good.get(name, ())})
            if name in refused
            else tenant
            for name, tenant in wanted.tenants.items()
        }
        return wanted.model_copy(update={"tenants": tenants}) if refused else wanted

    def suspects(self, wanted: Suite) -> list[str]:
        """Whose routes are new, and may be what is wrong."""
        return [
            name
            for name, tenant in sorted(wanted.tenants.items())
            if name not in self.refused and tenant.own_routes(name) != self._good.get(name, ())
        ]

    def settle(self, wanted: Suite, refused: Mapping[str, str]) -> None:
        """This is live now. Blocks: it writes the file."""
        self.refused = refused
        good = {
            name: self._good.get(name, ()) if name in refused else tenant.own_routes(name)
            for name, tenant in wanted.tenants.items()
        }
        if good != self._good:
            self._good = good
            part = self._file.with_suffix(".part")
            part.write_bytes(_Kept.dump_json(good, exclude_defaults=True))
            part.replace(self._file)

    @property
    def reason(self) -> str:
        """For the health; empty when nobody is refused."""
        return "; ".join(
            f"tenant {name} keeps its old routes: {why}" for name, why in self.refused.items()
        )
