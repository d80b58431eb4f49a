"""What a process gets from us: its environment, arguments and folder."""

import hashlib
import json
import re
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from intertie.drivers import Launch, Limits, who
from intertie.errors import DriverError
from intertie.runtime.logs import Source, log_path
from intertie.suite.service import Service

_INHERITED = frozenset(
    {
        "HOME",
        "LANG",
        "LANGUAGE",
        "LOGNAME",
        "PATH",
        "SHELL",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    }
)
_VARIABLE = re.compile(r"\$?\$\(([A-Za-z_][A-Za-z0-9_]*)\)")
# A change of one of these needs a new process; of the others, only of how we treat it.
_MAKES_THE_PROCESS = frozenset(
    {
        "command",
        "working_dir",
        "environment",
        "env_file",
        "port",
        "on_demand",
        "user",
        "group",
        "umask",
        "ulimits",
        "mem_limit",
        "cpus",
        "pids_limit",
        "tty",
    }
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the services of a suite live."""

    suite: str
    """Given to each as INTERTIE_SUITE."""
    folder: Path
    """Of the suite file: relative paths of services start here."""
    logs: Path
    data: Path
    """Given to each as INTERTIE_DATA."""
    sockets: Path
    """Where services that notify find their sockets."""
    env: Mapping[str, str]
    """What every service inherits: see `inherited`."""
    resolve: Callable[[str], str]
    """The text with its secret references replaced. Raises IntertieError."""
    bus: Mapping[str, str] = field(default_factory=dict)
    """How services reach the suite's message bus: INTERTIE_BUS_URL and what belongs to it."""
    find: "Callable[[str, Mapping[str, str]], Mapping[str, str]] | None" = None
    """What a service is told of the others, of which it gets the addresses; None tells them all."""


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """The few variables of our own environment that every service gets."""
    return {k: v for k, v in environ.items() if k in _INHERITED or k.startswith("LC_")}


def url_variable(service: str) -> str:
    """Where others find a service: `db-main` is INTERTIE_URL_DB_MAIN."""
    return "INTERTIE_URL_" + re.sub(r"[^A-Z0-9]", "_", service.upper())


def fingerprint(spec: Service) -> str:
    """Equal for specs that make the same process."""
    chosen = spec.model_dump(mode="json", include=set(_MAKES_THE_PROCESS))
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


def make_launch(
    name: str,
    index: int,
    spec: Service,
    *,
    port: int | None,
    urls: Mapping[str, str],
    place: Surroundings,
) -> Launch:
    """How to start one replica; `urls` are those of all services that have a port.

    Raises DriverError for an `env_file` that cannot be read, IntertieError for a secret that
    cannot be.
    """
    env = _environment(name, spec, port, urls, place)
    return Launch(
        service=name,
        replica=index,
        argv=tuple(expand(word, env) for word in spec.command),
        env=env,
        cwd=place.folder / (spec.working_dir or "."),
        stdout=log_path(place.logs, Source(name, index, "out")),
        stderr=log_path(place.logs, Source(name, index, "err")),
        stop_signal=signal.Signals[spec.stop_signal],
        stop_grace_s=spec.stop_grace_period,
        user=spec.user,
        group=spec.group,
        umask=None if spec.umask is None else int(spec.umask, 8),
        ulimits={name: (limit.soft, limit.hard) for name, limit in spec.ulimits.items()},
        limits=_limits(spec),
    )


def expand(word: str, env: Mapping[str, str]) -> str:
    """The word with each `$(NAME)` replaced by the variable; `$$(NAME)` and unknown names stay.

    Kubernetes's rule for a container's command, so that a suite file means the same there.
    """

    def replace(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        return env.get(match[1], match[0])

    return _VARIABLE.sub(replace, word)


def _limits(spec: Service) -> Limits | None:
    wanted = (spec.mem_limit, spec.cpus, spec.pids_limit)
    return Limits(*wanted) if any(each is not None for each in wanted) else None


def _environment(
    name: str, spec: Service, port: int | None, urls: Mapping[str, str], place: Surroundings
) -> dict[str, str]:
    account = who.variables(spec.user) if spec.user is not None else {}
    env = {**place.env, **account, "INTERTIE_SUITE": place.suite, "INTERTIE_DATA": str(place.data)}
    env |= place.bus
    env |= (place.find or _all_others)(name, urls)
    for file in spec.env_file:
        env |= _from_file(name, place.folder / file)
    env |= {key: place.resolve(value) for key, value in spec.environment.items()}
    env["INTERTIE_STOP_GRACE"] = f"{spec.stop_grace_period:g}"
    if port is not None:
        env["PORT"] = str(port)
    return env


def _all_others(name: str, urls: Mapping[str, str]) -> Mapping[str, str]:
    return {url_variable(other): url for other, url in urls.items() if other != name}


def _from_file(name: str, path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8") as stream:
            values = dotenv_values(stream=stream, interpolate=False)
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise DriverError(
            f"cannot start service {name!r}: its env_file {path}: {why}", service=name
        ) from exc
    return {key: value for key, value in values.items() if value is not None}
