"""What every integration is: a connection of one kind, for one tenant."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.suite.values import DEFAULT_TENANT

Health = Mapping[str, Any]
"""`healthy` (bool), `response_time` (seconds), `timestamp` (ISO 8601); with a fault also `cause`,
`error` and `cure`. Any: a connector of somebody's own may tell more."""


class BaseIntegration(ABC):
    """Inherit, and say how to open, look and close; `config` and `tenant` are there by then."""

    kind: ClassVar[str] = ""
    """One word; the name of the class for those that say none."""

    def __init_subclass__(cls, **keys: object) -> None:
        super().__init_subclass__(**keys)
        if "kind" not in vars(cls) and not cls.kind:
            cls.kind = cls.__name__

    def __init__(self, config: IntegrationConfig, tenant: str = DEFAULT_TENANT) -> None:
        self.config = config
        self.tenant = tenant
        self.status = IntegrationStatus.UNKNOWN
        self.trouble = ""
        """Why it is not healthy."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.label!r}, {self.status})"

    @property
    def label(self) -> str:
        """Tenant and name."""
        return f"{self.tenant}/{self.config.name}"

    @abstractmethod
    async def initialize(self) -> bool:
        """Open it; False, or an IntegrationError, when that is not possible."""

    @abstractmethod
    async def health_check(self) -> Health:
        """How it does now; `healthy` must be in it."""

    @abstractmethod
    async def cleanup(self) -> None:
        """Close it; also when it was not opened, and twice."""
