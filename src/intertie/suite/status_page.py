"""The page that tells everybody whether services are well."""

from typing import Annotated, Literal

from pydantic import Field

from intertie.suite.values import Flag, Model, Name


class StatusPage(Model):
    """Services, how they are now and were for 90 days, and what is being repaired."""

    title: Annotated[str, Field(min_length=1, max_length=100)] = "Status"
    """Its heading."""
    services: Literal["all"] | Annotated[tuple[Name, ...], Field(min_length=1)] = "all"
    """Services of the suite that it tells of, in this order."""
    public: Flag = False
    """Whether it is shown to those without a key too; the rest of the management API is not."""

    @property
    def named(self) -> tuple[str, ...]:
        """Services that the file names."""
        return () if self.services == "all" else self.services
