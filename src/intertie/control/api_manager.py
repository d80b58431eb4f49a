"""APIManager: the gateway's configuration as tables, checked, applied and held against services."""

from collections.abc import Callable, Mapping
from typing import Protocol, cast

from pydantic import ValidationError

from intertie.errors import IntertieError
from intertie.gateway.openapi.endpoints import EndpointReport, check_endpoints
from intertie.gateway.routes import Surroundings, build
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite

Table = Mapping[str, object]

_GATEWAY, _ENDPOINTS = "gateway_configuration", "endpoint_configurations"


class RunningSuite(Protocol):
    """A suite that can be given another gateway: `SuiteOrchestrator`."""

    @property
    def suite(self) -> Suite:
        """As it runs now."""
        ...

    async def change_suite(self, change: Callable[[Suite], Suite]) -> None:
        """Bring it to what `change` makes of its file, and keep to that. Raises IntertieError."""
        ...

    def service_addresses(self) -> Mapping[str, str]:
        """Where each service with a port is: `http://127.0.0.1:8081`."""
        ...


class APIManager:
    """Of one running suite: `APIManager(orchestrator)`.

    Subclass it and call `apply_api_config` and `validate_api_endpoints`, or call them from outside.
    """

    def __init__(self, suite: RunningSuite) -> None:
        self._suite = suite

    async def apply_api_config(self, api_config: Table) -> None:
        """Put the gateway's configuration and the endpoints of services in force.

        `gateway_configuration` has the keys of the suite's `gateway`, `endpoint_configurations` the
        paths of each service with the keys of a route. What the suite file says beside them stays;
        of a path that both have, this counts. Raises IntertieError with every fault, and nothing
        is changed then; also when the gateway refuses it.
        """
        unknown = sorted(api_config.keys() - {_GATEWAY, _ENDPOINTS})
        if unknown:
            raise IntertieError(
                f"cannot use this configuration: unknown key {unknown[0]!r}; expected"
                f" {_GATEWAY} and {_ENDPOINTS}"
            )
        gateway = merged(self._suite.suite, api_config)
        await self._suite.change_suite(lambda suite: suite.model_copy(update={"gateway": gateway}))

    async def validate_api_endpoints(self) -> EndpointReport:
        """Ask each running service whether it has what its routes lead to.

        Only safe methods are used. Raises IntertieError when something is missing.
        """
        routes = build(self._suite.suite, {}, Surroundings(issuer="", jwks={}))
        report = await check_endpoints(routes.rules, self._suite.service_addresses())
        if not report.ok:
            lines = [f"{r.service}: {r.method} {r.path}: {r.verdict}" for r in report.wrong]
            raise IntertieError("cannot find all endpoints: " + "; ".join(lines))
        return report


def merged(suite: Suite, api_config: Table) -> Gateway:
    """The suite's gateway with the configuration in it. Raises IntertieError with every fault."""
    faults: list[str] = []
    endpoints = _endpoints(_table(api_config.get(_ENDPOINTS)), suite, faults)
    wanted = _table(api_config.get(_GATEWAY))
    taken = {(route["path"], route.get("service")) for route in endpoints}
    kept = [
        route.model_dump(exclude_unset=True, by_alias=True)
        for route in (suite.gateway or Gateway()).written
        if (route.path, route.service) not in taken
    ]
    gateway = Gateway()
    base = (suite.gateway or Gateway()).model_dump(exclude_unset=True, by_alias=True)
    try:
        gateway = Gateway.model_validate(_joined(base, {**wanted, "routes": [*kept, *endpoints]}))
    except ValidationError as exc:
        told = exc.errors(include_url=False, include_input=False)
        faults += [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in told]
    if faults:
        raise IntertieError("cannot use this configuration: " + "; ".join(faults))
    return gateway


def _endpoints(services: Table, suite: Suite, faults: list[str]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for name, paths in services.items():
        if name not in suite.services:
            faults.append(f"{_ENDPOINTS}.{name}: no service is called {name!r}")
            continue
        for path, keys in _table(paths).items():
            found.append({"path": path, "service": name, **_table(keys)})
    return found


def _joined(base: Table, over: Table) -> dict[str, object]:
    """Tables key by key; of all else, `over`."""
    made = dict(base)
    for key, value in over.items():
        before = made.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        made[key] = _joined(_table(before), _table(value)) if both else value
    return made


def _table(value: object) -> Table:
    return cast("Table", value) if isinstance(value, Mapping) else {}
