"""What becomes of the lines that services write."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from intertie.suite.values import Count, Flag, Model, Name, Period, Size, one_or_more

SMALLEST_FILE = 64 * 1024
_DRIVERS = ("json-file", "local")
_COMPOSE = {"max-size": "max_size", "max-file": "max_files", "compress": "compress"}
_SCHEMES = {
    "loki": ("http", "https"),
    "otlp": ("http", "https"),
    "syslog": ("udp", "tcp", "unix"),
}
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _options(value: object) -> object:
    """Compose's `driver` and `options` said in our words."""
    if not isinstance(value, dict) or not {"driver", "options"} & set(value):
        return value
    said = cast("dict[str, object]", value)
    options = said.get("options", {})
    if said.get("driver", _DRIVERS[0]) not in _DRIVERS or not isinstance(options, dict):
        raise ValueError(f"expected the driver {' or '.join(_DRIVERS)}, with options for it")
    unknown = sorted(map(str, set(options) - set(_COMPOSE)))
    if unknown:
        raise ValueError(f"expected no options but {', '.join(_COMPOSE)}; got {unknown[0]}")
    own = {key: item for key, item in said.items() if key not in {"driver", "options"}}
    return own | {_COMPOSE[key]: item for key, item in options.items()}


def _check_size(value: int) -> int:
    if value < SMALLEST_FILE:
        raise ValueError("expected a size of at least 64KiB")
    return value


def _check_label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError("expected a label of letters, digits and _, not beginning with a digit")
    return value


Label = Annotated[str, AfterValidator(_check_label)]
_Names = Annotated[
    tuple[Name, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]


class Logging(Model):
    """How much of each of a service's logs is kept, and where its lines are sent to."""

    max_size: Annotated[Size, AfterValidator(_check_size)] = 100 * 1024 * 1024
    """A log that is larger is rotated: its older part goes to archives of this size."""
    max_age: Period | None = None
    """Archives older than this are removed; otherwise only `max_files` removes them."""
    max_files: Count = 5
    """How many files of a log are kept: the one that is written to, and its archives."""
    compress: Flag = True
    """Archives are gzip files."""
    forward: _Names | None = None
    """Names of the suite's `logging.forward` that get the lines; all of them by default."""

    @model_validator(mode="before")
    @classmethod
    def _read_compose(cls, value: object) -> object:
        return _options(value)


class LogTarget(Model):
    """A place that lines are sent to as they are written."""

    kind: Literal["loki", "otlp", "syslog"]
    """The protocol: Loki's push API, OTLP over HTTP in JSON, or syslog as of RFC 5424."""
    url: Annotated[str, Field(min_length=1)]
    """`http://host:3100`, with a path if not the usual one; `udp`, `tcp` or `unix` for syslog."""
    labels: dict[Label, str] = {}
    """Sent with every line, beside its service, replica and stream."""
    headers: dict[str, str] = {}
    """Of the HTTP requests; values may hold `${secret:name}`."""
    services: _Names = ()
    """Only the lines of these; those of all services when none is named."""

    @model_validator(mode="after")
    def _check_url(self) -> Self:
        schemes = _SCHEMES[self.kind]
        parts = urlsplit(self.url)
        place = parts.path if parts.scheme == "unix" else parts.hostname
        if parts.scheme not in schemes or not place:
            wanted = " or ".join(f"{scheme}://" for scheme in schemes)
            raise ValueError(f"expected a whole url for {self.kind}, one that begins with {wanted}")
        if self.kind == "syslog" and self.headers:
            raise ValueError("expected no headers: syslog has none")
        return self


class SuiteLogging(Model):
    """Where lines are sent to."""

    forward: dict[Name, LogTarget] = {}
    """By name; each goes on from where it was left, at its own pace."""


def forwarded(name: str, target: LogTarget, services: Mapping[str, Logging]) -> tuple[str, ...]:
    """The services whose lines go to the target `name`: both sides must want it."""
    return tuple(
        service
        for service, logging in services.items()
        if (logging.forward is None or name in logging.forward)
        and (not target.services or service in target.services)
    )


def unknown_targets(logging: Logging, known: Collection[str]) -> tuple[str, ...]:
    """Targets that a service names and the suite does not have."""
    return tuple(name for name in logging.forward or () if name not in known)
