"""A connector whose body is data: address, credentials, limits, errors, operations."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from intertie.integrations import connector
from intertie.integrations.call import Step, Tools
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.connector import Connector
from intertie.integrations.credentials import Auth, NoAuth, chosen
from intertie.integrations.errors import InvalidError
from intertie.integrations.message import origin
from intertie.integrations.steps import pipeline
from intertie.suite.values import DEFAULT_TENANT

_PLAIN = re.compile(r"[!-\[\]-~]+")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Settings(connector.Settings):
    """The same, and where the vendor is."""

    base_url: str | None = None
    """Another address than the vendor's own, such as that of its sandbox; settings in `{}`."""


class RestIntegration(Connector):
    """Inherit, and give values; see `docs/integrations.md`."""

    base: ClassVar[str] = ""
    """`{name}` is a setting, where each customer has an address of its own."""
    ways: ClassVar[Sequence[Auth]] = (NoAuth(),)
    """How it may log in; the first whose settings are all there."""
    settings_type: ClassVar[type[connector.Settings]] = Settings

    def __init__(
        self,
        config: IntegrationConfig,
        tenant: str = DEFAULT_TENANT,
        *,
        tools: Tools | None = None,
    ) -> None:
        """Raises InvalidError for settings that the kind cannot use."""
        super().__init__(config, tenant, tools=tools)
        has = {name for name, _ in self.settings if self.optional_secret(name)}
        way = chosen(self.ways, frozenset(has))
        if way is None:
            raise InvalidError(f"cannot register {self.label}: {_wanted(self.ways)}")
        self.auth = way
        self.base_url = self._checked_base()

    @property
    def origins(self) -> frozenset[str]:
        """Scheme and host of everything it may talk to."""
        return _origins(self.base_url, type(self))

    @classmethod
    def pipeline(cls, tools: Tools) -> Step:
        """See Connector."""
        return pipeline(tools)

    def _checked_base(self) -> str:
        try:
            base = self._base().rstrip("/")
        except (ValueError, IndexError):
            base = ""
        if not origin(base) or not _PLAIN.fullmatch(base) or "?" in base or "#" in base:
            raise InvalidError(
                f"cannot register {self.label}: its address is none of HTTP; give a scheme and a"
                " host, and no user, query or fragment"
            )
        return base

    def _base(self) -> str:
        base = self.optional_secret("base_url") or self.base
        return base.format_map(_Texts(self)) if "{" in base else base


@lru_cache(1024)
def _origins(base_url: str, cls: type[RestIntegration]) -> frozenset[str]:
    whole = (each.path for each in cls.operations.values() if "://" in each.path)
    return frozenset({origin(base_url), *map(origin, whole)})


class _Texts(dict[str, str]):
    """Settings by name, as the base's address asks for them."""

    def __init__(self, connection: RestIntegration) -> None:
        super().__init__()
        self._connection = connection

    def __missing__(self, name: str) -> str:
        found = self._connection.secret(name)
        if not _NAME.fullmatch(found):
            raise InvalidError(
                f"cannot register {self._connection.label}: `{name}` is a part of an address, and"
                " has letters, digits, `-`, `_` and `.` only"
            )
        return found


def _wanted(ways: Sequence[Auth]) -> str:
    sets = " or ".join(" and ".join(f"`{name}`" for name in way.needs) for way in ways)
    return f"its config needs {sets}"
