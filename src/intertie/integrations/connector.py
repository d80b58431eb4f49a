"""What connectors of every shape share: settings, limits, health, and the way of their calls."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar, cast

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from intertie.integrations.base import BaseIntegration, Health
from intertie.integrations.breaker import Breaker
from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.credentials import Auth, NoAuth
from intertie.integrations.data import Errors, Limits, Probe, Sandbox, Stability
from intertie.integrations.errors import IntegrationError, InvalidError
from intertie.integrations.message import Response
from intertie.integrations.operation import Arguments, Operation, operations_of
from intertie.integrations.pages import Turning
from intertie.limits.counters import Account
from intertie.suite.values import DEFAULT_TENANT

A = TypeVar("A", bound=Arguments)
R = TypeVar("R")
_ILL = (IntegrationStatus.UNHEALTHY, IntegrationStatus.DEGRADED)
_CURES = {
    "auth": "log in anew: intertie integrations connect {label}",
    "scope": "give the missing consent: intertie integrations connect {label}",
    "quota": "wait, or raise the allowance at the vendor",
    "vendor": "nothing to do here: the vendor fails or cannot be reached",
    "drift": "the vendor changed its answers: update the connector",
    "egress": "let the connector use its own addresses only",
    "request": "look at what was asked",
}


class Settings(BaseModel):
    """What a connection is told in `config`; texts that are secrets are SecretStr."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )

    unsigned: bool = False
    """Take deliveries that nobody signed, where there is no secret: anybody can make some up."""


class Connector(BaseIntegration):
    """A connection whose calls go through the pipeline. What carries them is the subclass's."""

    docs: ClassVar[str] = ""
    """Where the vendor describes it."""
    stability: ClassVar[Stability] = "alpha"
    owner: ClassVar[str] = ""
    """Who looks after the connector."""
    headers: ClassVar[Mapping[str, str]] = {}
    """Sent with every request, names in lower case."""
    limits: ClassVar[Limits] = Limits()
    errors: ClassVar[Errors] = Errors()
    sandbox: ClassVar[Sandbox | None] = None
    """Only play money is moved, unless the setting `allow_live` says otherwise."""
    probe: ClassVar[Probe]
    settings_type: ClassVar[type[Settings]] = Settings
    """What it asks for in `config`."""
    operations: ClassVar[Mapping[str, Operation[Any, Any]]] = {}
    auth: Auth = NoAuth()
    """How it logs in, where that is not the business of a library."""
    base_url: str = ""
    """Of the vendor; empty where a library knows it."""

    def __init_subclass__(cls, **keys: object) -> None:
        super().__init_subclass__(**keys)
        for name, value in list(vars(cls).items()):
            if isinstance(value, Operation):
                if hasattr(Connector, name):
                    raise TypeError(f"{cls.__name__}.{name}: connectors have a part of this name")
                setattr(cls, name, value if value.name else value.named(name))
        cls.operations = {each.name: each for each in operations_of(cls)}

    def __init__(
        self,
        config: IntegrationConfig,
        tenant: str = DEFAULT_TENANT,
        *,
        tools: Tools | None = None,
    ) -> None:
        """Raises InvalidError for settings that the kind cannot use."""
        super().__init__(config, tenant)
        self.settings = self._read(config)
        self._tools = tools
        self._breaker: Breaker | None = None
        self._accounts: dict[str, Account | None] | None = None
        self._shares = 0
        self.proved_at: float | None = None
        """When a call was answered last, by `tools.steady`: a proof that costs nothing."""
        self.minted: tuple[str, float] = ("", 0.0)
        """A token that we signed ourselves, and when it ends, seconds since 1970."""

    @property
    def tools(self) -> Tools:
        """What it shares with others. Raises InvalidError unless it is in a registry."""
        if self._tools is None:
            raise InvalidError(f"cannot use {self.label}: register it first")
        return self._tools

    @tools.setter
    def tools(self, tools: Tools) -> None:
        self._tools = tools

    @property
    def breaker(self) -> Breaker:
        """Of this connection."""
        if self._breaker is None:
            told = self.config.circuit_breaker
            self._breaker = Breaker(told.failure_threshold, told.recovery_timeout)
        return self._breaker

    @property
    def origins(self) -> frozenset[str]:
        """Scheme and host of everything it may talk to by HTTP of ours."""
        return frozenset()

    @property
    def is_live(self) -> bool:
        """Whether it moves real money: what is not known to be a sandbox does."""
        known = self.sandbox
        return known is not None and not self.optional_secret(known.setting).startswith(
            known.prefixes
        )

    def account(
        self,
        operation: Operation[Any, Any],
        make: Callable[["Connector", Operation[Any, Any]], Account | None],
    ) -> Account | None:
        """What calls of an operation are counted against; made anew when others take part."""
        shares = self.tools.shares
        if self._accounts is None or self._shares != shares:
            self._accounts, self._shares = {}, shares
        key = operation.name if operation.has_allowance else ""
        if key not in self._accounts:
            self._accounts[key] = make(self, operation)
        return self._accounts[key]

    def secret(self, setting: str) -> str:
        """The text of a setting. Raises InvalidError when it is not given."""
        found = self.optional_secret(setting)
        if not found:
            raise InvalidError(f"cannot call {self.label}: its config lacks `{setting}`")
        return found

    def optional_secret(self, setting: str) -> str:
        """The same; empty when it is not given."""
        found: object = getattr(self.settings, setting, None)
        return found.get_secret_value() if isinstance(found, SecretStr) else str(found or "")

    async def initialize(self) -> bool:
        """Whether the vendor answers its probe."""
        return bool((await self.health_check())["healthy"])

    async def health_check(self) -> Health:
        """Ask the probe."""
        began = self.tools.steady()
        fault: IntegrationError | None = None
        try:
            await self.invoke(self.operations[self.probe.operation], None, self.probe.arguments)
        except IntegrationError as exc:
            fault = exc
        told = {
            "healthy": fault is None,
            "response_time": self.tools.steady() - began,
            "timestamp": datetime.fromtimestamp(self.tools.clock(), UTC).isoformat(),
        }
        if fault is None:
            self.status, self.trouble = IntegrationStatus.HEALTHY, ""
            return told
        hurt = fault.cause in {"quota", "scope"}
        self.status = IntegrationStatus.DEGRADED if hurt else IntegrationStatus.UNHEALTHY
        self.trouble = str(fault)
        cure = _CURES[fault.cause].format(label=self.label)
        return {**told, "cause": fault.cause, "error": str(fault), "cure": cure}

    async def cleanup(self) -> None:
        """Nothing of its own is open."""
        self.minted = ("", 0.0)

    async def invoke(
        self,
        operation: Operation[A, R],
        arguments: A | None,
        given: Mapping[str, Any],
        key: str | None = None,
    ) -> R:
        """One call through the whole pipeline. Raises IntegrationError."""
        self._check_live(operation)
        call = Call(self, operation, self._checked(operation, arguments, given), key)
        await self._send(call)
        return cast("R", call.answer)

    async def turn(
        self, operation: Operation[A, R], arguments: A | None, given: Mapping[str, Any]
    ) -> AsyncIterator[R]:
        """Page by page. Raises IntegrationError."""
        told = self._checked(operation, arguments, given)
        turning = Turning(operation, self.label)
        url: str | None = None
        while True:
            call = Call(self, operation, told, url=url)
            response = await self._send(call)
            page: R = call.answer
            yield page
            here = call.request.url if call.request else ""
            after = turning.after(page, told, url=here, headers=response.headers)
            if after is None:
                return
            if isinstance(after, str):
                url = after
            else:
                told = told.model_copy(update=dict(after))

    @classmethod
    @abstractmethod
    def pipeline(cls, tools: Tools) -> Step:
        """The steps that its calls take, one after the other."""

    async def _send(self, call: Call) -> Response:
        tools = self.tools
        step = tools.pipelines.get(type(self))
        if step is None:
            step = tools.pipelines[type(self)] = self.pipeline(tools)
        response = await step(call)
        self.proved_at = tools.steady()
        if self.status in _ILL:
            self.status, self.trouble = IntegrationStatus.HEALTHY, ""
        return response

    def _check_live(self, operation: Operation[Any, Any]) -> None:
        if operation.effect != "money" or self.sandbox is None or not self.is_live:
            return
        if not getattr(self.settings, "allow_live", False):
            raise InvalidError(
                f"cannot {operation.name} with {self.label}: its `{self.sandbox.setting}` moves"
                " real money; say `allow_live: true` in its config if that is meant"
            )

    def _checked(
        self, operation: Operation[A, R], arguments: A | None, given: Mapping[str, Any]
    ) -> A:
        if arguments is not None and not given:
            return arguments
        told = given
        if arguments is not None:
            told = {**arguments.model_dump(exclude_unset=True), **given}
        try:
            return operation.arguments.model_validate(told)
        except ValidationError as exc:
            faults = {".".join(map(str, each["loc"])): each["msg"] for each in exc.errors()}
            text = "; ".join(f"{place}: {why}" for place, why in faults.items())
            what = f"cannot {operation.name} with {self.label}: {text}"
            raise InvalidError(what, fields=faults) from None

    @classmethod
    def _read(cls, config: IntegrationConfig) -> Settings:
        try:
            return cls.settings_type.model_validate(config.config)
        except ValidationError as exc:
            told = "; ".join(
                f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
                for each in exc.errors(include_input=False, include_url=False)
            )
            raise InvalidError(f"cannot register {config.name!r}: config: {told}") from None
