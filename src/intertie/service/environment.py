"""What the suite tells a service by its environment, read once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from intertie.errors import IntertieError

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DRAIN_S = 10.0
SAMPLE = 0.1

_MAX_PORT = 65535
_SPARE_S = 1.0
"""Of the time that the supervisor waits before it kills: for what follows the drain."""
_SHORTEST_S = 0.5


@dataclass(frozen=True, slots=True)
class Environment:
    """Who this process is, and what it may use. The bus's address and all else stay unshown."""

    service: str
    suite: str
    """Empty outside of one."""
    replica: str
    """Its number within the service, as text."""
    port: int | None
    """None: it serves nothing."""
    log_level: str
    trace_sample: float
    """Of the traces that begin here, the share that is recorded: 0 to 1."""
    otlp_endpoint: str | None
    drain_s: float
    """How long what is under way may go on after a stop was asked for."""
    bus_url: str | None = field(repr=False)
    bus_schemas: str | None
    """A file that says what the data of the bus's topics must look like."""
    notify_socket: str | None
    variables: Mapping[str, str] = field(repr=False)

    def url(self, service: str) -> str:
        """Where another service is. Raises IntertieError."""
        variable = "INTERTIE_URL_" + re.sub(r"[^A-Z0-9]", "_", service.upper())
        found = self.variables.get(variable)
        if not found:
            raise IntertieError(
                f"cannot find service {service!r}: {variable} is not set; it is for every service"
                " of the suite that has a port"
            )
        return found.rstrip("/")


def read_environment(name: str | None, variables: Mapping[str, str]) -> Environment:
    """The environment of this process. Raises IntertieError with every fault in it."""
    given, _, replica = variables.get("INTERTIE_SERVICE", "").partition("/")
    faults: list[str] = []
    if not (name or given):
        faults.append("INTERTIE_SERVICE: not set, and the program gives no name either")

    def number(variable: str, default: float, least: float, most: float) -> float:
        text = variables.get(variable) or str(default)
        try:
            value = float(text.removesuffix("s"))
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            faults.append(f"{variable}: expected a number from {least:g} to {most:g}, not {text!r}")
            return default
        return value

    level = (variables.get("INTERTIE_LOG_LEVEL") or "INFO").upper()
    if level not in LEVELS:
        faults.append(f"INTERTIE_LOG_LEVEL: expected one of {', '.join(LEVELS)}, not {level!r}")
    port = number("PORT", 0, 0, _MAX_PORT)
    grace_s = number("INTERTIE_STOP_GRACE", DRAIN_S + _SPARE_S, 0, 86400)
    sample = number("INTERTIE_TRACE_SAMPLE", SAMPLE, 0, 1)
    if faults:
        raise IntertieError("cannot use the environment:\n" + "\n".join(f"  {f}" for f in faults))
    return Environment(
        service=name or given,
        suite=variables.get("INTERTIE_SUITE", ""),
        replica=replica or "0",
        port=int(port) or None,
        log_level=level,
        trace_sample=sample,
        otlp_endpoint=variables.get("OTEL_EXPORTER_OTLP_ENDPOINT") or None,
        drain_s=max(_SHORTEST_S, grace_s - _SPARE_S),
        bus_url=variables.get("INTERTIE_BUS_URL") or None,
        bus_schemas=variables.get("INTERTIE_BUS_SCHEMAS") or None,
        notify_socket=variables.get("NOTIFY_SOCKET") or None,
        variables=variables,
    )
