"""One JSON object a line on standard output, from structlog and from the standard library alike."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from intertie.service.environment import Environment
from intertie.trace_context import here

MASK = "***"

_SECRET = re.compile(r"passw|token|secret|authorization|cookie|api[_-]?key", re.IGNORECASE)
_DEEPEST = 6
_NOISY = {
    "uvicorn.access": logging.CRITICAL,
    "uvicorn.error": logging.WARNING,
    "httpx": logging.WARNING,
}

Fields = MutableMapping[str, Any]  # Any: structlog's own type of an event's fields


class KitHandler(logging.StreamHandler[Any]):  # Any: whatever standard output is just now
    """Known by its class, so that a second set-up replaces the first."""


def set_up(environment: Environment) -> None:
    """Format all logging of this process, with the service's name in each line."""
    service = environment.service
    names = {"service": service, "service.name": service, "replica": environment.replica}

    def name(_: object, __: str, fields: Fields) -> Fields:
        fields.update(names)
        return fields

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        name,
        _trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    _install(_formatter([structlog.stdlib.ExtraAdder(), *shared]), environment.log_level)


def _formatter(foreign: list[structlog.typing.Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=foreign,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _masked,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def _install(formatter: logging.Formatter, level: str) -> None:
    handler = KitHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, KitHandler) or type(other) is logging.StreamHandler:
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
    for name, least in _NOISY.items():
        logging.getLogger(name).setLevel(least)


def _trace(_: object, __: str, fields: Fields) -> Fields:
    fields.update(here())
    return fields


def _masked(_: object, __: str, fields: Fields) -> Fields:
    fields.pop("color_message", None)  # uvicorn's, for terminals
    return {name: mask(name, value) for name, value in fields.items()}


def mask(name: str, value: object, depth: int = 0) -> object:
    """The value, or MASK for one whose name looks like that of a secret; also within mappings."""
    if _SECRET.search(name) and value is not None:
        return MASK
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(key): mask(str(key), each, depth + 1) for key, each in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple):
        return [mask("", each, depth + 1) for each in value]
    return value
