"""What can be understood of a suite that has faults, for the rules between its parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from pydantic import ValidationError

from intertie.errors import Fault
from intertie.suite.gateway import Gateway
from intertie.suite.identity import Tenant
from intertie.suite.model import Api
from intertie.suite.route import Route
from intertie.suite.service import Service
from intertie.suite.tree import Keys, Places
from intertie.suite.values import Model

_M = TypeVar("_M", bound=Model)
_STAND_INS: Mapping[type[Model], Mapping[str, object]] = {Service: {"command": "-"}}
"""Values for keys a model cannot do without; no rule finds fault with them."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The parts that are valid, each less its faulty keys."""

    names: frozenset[str]
    """Of all services, also of those that make no sense."""
    services: Mapping[str, Service]
    routes: Mapping[int, Route]
    """By their index in the file."""
    tenant_routes: Mapping[Keys, Route]
    """By the way to them; with the hosts they have from their tenant."""
    gateway: Gateway | None
    """Without its routes."""
    api: Api
    where: Places
    folder: Path

    def says(self, *keys: str | int) -> bool:
        """Whether the file says something there, be it faulty."""
        return self.where.has(keys)

    def fault(self, keys: Keys, message: str, hint: str = "") -> Fault:
        """A fault at the place of a key."""
        return self.where[keys].fault(keys, message, hint)


def draft(data: Mapping[str, object], where: Places, folder: Path) -> Draft:
    """The draft of a suite given as plain data."""
    services = _table(data.get("services"))
    gateway = data.get("gateway")
    routes = _table(gateway).get("routes")
    found = enumerate(_list(routes))
    return Draft(
        names=frozenset(services),
        services=_present({name: salvage(Service, item) for name, item in services.items()}),
        routes=_present({index: salvage(Route, item) for index, item in found}),
        tenant_routes=_present(dict(_of_tenants(_table(data.get("tenants"))))),
        gateway=salvage(Gateway, {**_table(gateway), "routes": []}) if gateway else None,
        api=salvage(Api, data.get("api", {})) or Api(),
        where=where,
        folder=folder,
    )


def salvage(model: type[_M], data: object) -> _M | None:
    """The model of some data without its faulty keys; None when too little is left."""
    if not isinstance(data, dict):
        return None
    left = dict(cast("dict[str, object]", data))
    stand_ins = _STAND_INS.get(model, {})
    for _ in range(len(left) + len(stand_ins) + 1):
        try:
            return model.model_validate(left)
        except ValidationError as exc:
            faulty = _faulty_keys(exc)
        left = {key: item for key, item in left.items() if key not in faulty}
        left |= {key: item for key, item in stand_ins.items() if key in faulty}
    return None


def _faulty_keys(exc: ValidationError) -> set[str]:
    details = exc.errors(include_url=False, include_input=False)
    return {str((*d["loc"], d.get("ctx", {}).get("key"))[0]) for d in details}


def _of_tenants(tenants: Mapping[str, object]) -> Iterator[tuple[Keys, Route | None]]:
    for name, tenant in tenants.items():
        read = salvage(Tenant, {**_table(tenant), "routes": []})
        for index, item in enumerate(_list(_table(tenant).get("routes"))):
            route = salvage(Route, item)
            if route is not None and read is not None and not route.hosts:
                route = route.model_copy(update={"hosts": read.domains})
            yield ("tenants", name, "routes", index), route


def _list(data: object) -> list[object]:
    return cast("list[object]", data) if isinstance(data, list) else []


def _table(data: object) -> dict[str, object]:
    return cast("dict[str, object]", data) if isinstance(data, dict) else {}


_K = TypeVar("_K")


def _present(items: Mapping[_K, _M | None]) -> dict[_K, _M]:
    return {key: item for key, item in items.items() if item is not None}
