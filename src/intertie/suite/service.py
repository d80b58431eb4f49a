"""One service of the suite file."""

import re
from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Field, field_validator, model_validator

from intertie.suite.health import Healthcheck
from intertie.suite.logging import Logging
from intertie.suite.points import ApiConfiguration, IntegrationPoints
from intertie.suite.restart import Restart, policy
from intertie.suite.values import (
    Argv,
    Count,
    Duration,
    Flag,
    Model,
    Name,
    Percent,
    Period,
    Port,
    Regex,
    Signal,
    Size,
    SmallCount,
    Umask,
    Variable,
    at,
    flag,
    one_or_more,
    scalar,
)

Condition = Literal[
    "service_started",
    "service_healthy",
    "service_log_ready",
    "service_completed",
    "service_completed_successfully",
]
LimitName = Literal[
    "as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
    "nproc", "rss", "rtprio", "sigpending", "stack",
]  # fmt: skip
_UNLIMITED = -1


def _environment(value: object) -> object:
    """Compose's two spellings: a map, or a list of NAME=value."""
    if isinstance(value, list):
        pairs = [str(item).partition("=") for item in cast("list[object]", value)]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError("expected a list of NAME=value")
        return {name: text for name, _, text in pairs}
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {name: scalar(item) for name, item in items}
    return value


def _dependencies(value: object) -> object:
    """Compose's short form: a list of names, each meaning service_started."""
    if isinstance(value, list):
        return {name: {} for name in cast("list[object]", value)}
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return {name: {} if item is None else item for name, item in items}
    return value


def _hooks(value: object) -> object:
    """One command, or a list of commands; each text, or a map as Compose has it."""
    if isinstance(value, str | dict):
        value = [value]
    if not isinstance(value, list | tuple):
        return value
    items = cast("list[object]", value)
    return [{"command": item} if isinstance(item, str) else item for item in items]


def _limit(value: object) -> object:
    """Compose's short form: one number for both."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        return {"soft": value, "hard": value}
    return value


def _amount(value: object) -> object:
    if value == "unlimited":
        return _UNLIMITED
    if isinstance(value, str) and re.fullmatch(r"-1|[0-9]{1,18}", value):
        return int(value)
    return value


def _umask(value: object) -> object:
    """Digits are octal, as the shell reads them: YAML makes a decimal number of `022`."""
    return f"{value:03}" if isinstance(value, int) and not isinstance(value, bool) else value


def _flag_or_map(value: object) -> object:
    said = flag(value)
    return {} if said is True else None if said is False else value


_Amount = Annotated[
    int,
    Field(strict=True, ge=_UNLIMITED),
    BeforeValidator(_amount, json_schema_input_type=int | Literal["unlimited"]),
]


class Dependency(Model):
    """A service that has to be there before this one starts."""

    condition: Condition = "service_started"
    """What must be true of the other service before this one starts."""
    required: Flag = True
    """When false, this one also starts if the other is not there or has failed."""
    on_restart: Literal["ignore", "restart", "hold", "reload"] = "ignore"
    """When the other one ends and comes back: nothing; restart this one once the condition holds
    again; stop this one until it does; or send this one its `reload_signal` then."""

    @model_validator(mode="before")
    @classmethod
    def _compose_restart(cls, data: object) -> object:
        """Compose's `restart: true`."""
        if not isinstance(data, dict) or "restart" not in data:
            return data
        rest = dict(cast("dict[str, object]", data))
        restart = rest.pop("restart")
        restart = flag(restart)
        if not isinstance(restart, bool):
            raise at("restart", "expected true or false; `on_restart` says more")
        return {"on_restart": "restart" if restart else "ignore", **rest}


class Hook(Model):
    """A command that runs beside the service at one moment of its life, in its environment."""

    command: Argv
    """Program and arguments. What it prints goes into the service's log."""
    timeout: Period = 30.0
    """It is killed, and has failed, when it takes longer."""


class Ulimit(Model):
    """One resource limit of the process, as setrlimit(2) has it; -1 or `unlimited` for none."""

    soft: _Amount
    """In force; the process may raise it itself up to `hard`."""
    hard: _Amount
    """Cannot be raised."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.hard != _UNLIMITED and (self.soft == _UNLIMITED or self.soft > self.hard):
            raise at("soft", "expected no more than `hard`")
        return self


class Watch(Model):
    """Files whose change makes the service start anew, or reload."""

    path: str
    """A folder with all below it, or a file; relative to the suite file's folder."""
    include: tuple[str, ...] = ()
    """Patterns such as `*.py`; when given, other files do not matter."""
    ignore: tuple[str, ...] = ()
    """Patterns of files and folders that do not matter, beside .git, caches and editors' own."""
    action: Literal["restart", "reload"] = "restart"
    """Restart it, and dependents that declared it; or send it its `reload_signal`."""
    debounce: Period = 0.2
    """Changes that follow each other so closely are one."""


class OnDemand(Model):
    """Started by the first connection to its port, which Intertie holds open (LISTEN_FDS)."""

    idle_timeout: Period | None = None
    """Stopped after as long without a connection; the next one starts it again."""


class Autoscale(Model):
    """As many replicas as the load needs."""

    min: SmallCount = 1
    """Never fewer."""
    max: SmallCount
    """Never more."""
    cpu: Percent = 70.0
    """Of one CPU, that each replica is to use on average."""
    interval: Period = 15.0
    """Between two looks."""
    cooldown: Period = 300.0
    """The load must have been low for so long before there are fewer."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise at("min", "expected no more than `max`")
        return self


class Update(Model):
    """How replicas are replaced one after the other."""

    order: Literal["stop-first", "start-first"] = "stop-first"
    """`start-first` runs one replica more meanwhile, so that there are never fewer than wanted."""


class Service(Model):
    """One program of the suite. Its replicas each get an own port and log files."""

    command: Argv
    """Program and arguments; a string is split as a shell would, without running a shell."""
    working_dir: str | None = None
    """Relative to the suite file's folder, which is the default."""
    environment: Annotated[
        dict[Variable, str],
        BeforeValidator(
            _environment,
            json_schema_input_type=dict[str, str | int | float | bool] | list[str],
        ),
    ] = {}
    """Variables of the process. Values may hold `${secret:name}`, filled in at its start."""
    env_file: Annotated[
        tuple[str, ...],
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    ] = ()
    """Files of NAME=value lines, read before `environment`; later files win."""
    port: Port | None = None
    """Given to the process as PORT. `auto` takes a free one, and keeps it over restarts."""
    on_demand: Annotated[
        OnDemand | None, BeforeValidator(_flag_or_map, json_schema_input_type=bool | OnDemand)
    ] = None
    """Socket activation: started by the first connection to `port`, its descriptor 3 then."""
    depends_on: Annotated[
        dict[Name, Dependency],
        BeforeValidator(
            _dependencies,
            json_schema_input_type=dict[str, Dependency | None] | list[str],
        ),
    ] = {}
    """Services that must be there before this one starts; a list means service_started."""
    autostart: Flag = True
    """Started by `up`; otherwise on request, or when another service needs it."""
    ready_log_line: Regex | None = None
    """It is ready (`service_log_ready`) once a line of its log has a match of this pattern; where
    there is a health check, that must succeed as well."""
    healthcheck: Healthcheck | None = None
    """When the service counts as healthy; without one, as soon as it runs."""
    restart: Annotated[Restart, BeforeValidator(policy, json_schema_input_type=str | Restart)] = (
        Restart()
    )
    """What happens when it ends: a map, or just the policy (`on-failure:3` for three attempts)."""
    pre_start: Annotated[
        tuple[Hook, ...],
        BeforeValidator(_hooks, json_schema_input_type=str | Hook | list[str | Hook]),
    ] = ()
    """Run one after the other before each start; when one fails, so does the start."""
    post_start: Annotated[
        tuple[Hook, ...],
        BeforeValidator(_hooks, json_schema_input_type=str | Hook | list[str | Hook]),
    ] = ()
    """Run once it is ready; when one fails, that is told and nothing else happens."""
    pre_stop: Annotated[
        tuple[Hook, ...],
        BeforeValidator(_hooks, json_schema_input_type=str | Hook | list[str | Hook]),
    ] = ()
    """Run before it is asked to stop; failures are told."""
    post_stop: Annotated[
        tuple[Hook, ...],
        BeforeValidator(_hooks, json_schema_input_type=str | Hook | list[str | Hook]),
    ] = ()
    """Run after each end, wanted or not; failures are told."""
    stop_signal: Signal = "SIGTERM"
    """Asks the process to end."""
    stop_command: Argv | None = None
    """Asks the process to end, instead of the signal."""
    stop_grace_period: Duration = 10.0
    """From the stop signal (or the stop command) to SIGKILL of the whole tree."""
    reload_signal: Signal = "SIGHUP"
    """Makes the process read its files anew: see `watch` and `on_restart`."""
    replicas: SmallCount = 1
    """Processes of it; several need `port: auto` or no port."""
    autoscale: Autoscale | None = None
    """How many replicas there are follows the load; `replicas` is for the beginning."""
    update: Update = Update()
    """How replicas are replaced when the service restarts or changes."""
    profiles: tuple[Name, ...] = ()
    """Started only when one of these profiles is active; none means always."""
    watch: tuple[Watch, ...] = ()
    """Files whose change restarts or reloads it."""
    user: str | None = None
    """Name or number of the user it runs as; only root may choose."""
    group: str | None = None
    """Name or number of its group; the user's own group by default."""
    umask: Annotated[Umask | None, BeforeValidator(_umask, json_schema_input_type=str | int)] = None
    """Permissions its new files do not get, in octal digits."""
    ulimits: dict[
        LimitName,
        Annotated[Ulimit, BeforeValidator(_limit, json_schema_input_type=int | str | Ulimit)],
    ] = {}
    """Limits of each process by setrlimit: a number for both, or `soft` and `hard`."""
    mem_limit: Size | None = None
    """Memory of all its processes together, by control group."""
    cpus: Annotated[float, Field(gt=0, le=4096)] | None = None
    """CPUs that all its processes together may use, by control group; 0.5 is half of one."""
    pids_limit: Count | None = None
    """Processes and threads it may have, by control group."""
    api: ApiConfiguration | None = None
    """How the service's own API is to be used."""
    integration_points: IntegrationPoints | None = None
    """What it needs of the machine: checked by `intertie points check`, watched while it runs."""
    logging: Logging = Logging()
    """How much of its logs is kept, and where they are sent."""
    tty: Flag = False
    """Run it on a terminal of its own: `intertie attach` shows it and types into it."""

    @field_validator("command")
    @classmethod
    def _not_empty(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("expected a program to run")
        return value

    @field_validator("user", "group", mode="before")
    @classmethod
    def _number_is_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _ports_fit(self) -> Self:
        probes = self.healthcheck.probes if self.healthcheck else ()
        if self.port is None and any(probe.needs_port for probe in probes):
            raise at("healthcheck", "a check that asks the service's port needs `port`")
        if self.port is None and self.on_demand:
            raise at("on_demand", "starting by a connection needs `port`")
        if isinstance(self.port, int) and (self.replicas > 1 or self.autoscale):
            raise at("port", "several replicas cannot share a fixed port: use `port: auto`")
        if isinstance(self.port, int) and self.update.order == "start-first":
            raise at("update", "two replicas cannot share a fixed port: use `port: auto`")
        return self
