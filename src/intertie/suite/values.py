"""The kinds of value a suite file holds, and how each is read."""

import re
import shlex
import signal
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

DEFAULT_TENANT = "default"
"""Whose everything is that nobody says a tenant of."""
MAX_PORT = 65535
MAX_DURATION_S = 10 * 365 * 86400.0

_DURATION = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([kmgt]?)(i?)b?", re.IGNORECASE)
_PERCENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%?")
_SEGMENT = re.compile(r"\{[a-z][a-z0-9_]*\}|(?!\.{1,2}$)[A-Za-z0-9._~!$&'()*+,;=:@%-]+")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_duration(value: object) -> float:
    """Seconds in `1h30m`, `500ms`, `30s` or a plain number of seconds.

    Raises ValueError for anything else, also for negative numbers and for more than ten years.
    """
    seconds = _seconds(value)
    if seconds is None or not 0 <= seconds <= MAX_DURATION_S:
        raise ValueError("expected a duration such as 500ms, 30s, 5m or 1h30m")
    return float(seconds)


def parse_size(value: object) -> int:
    """Bytes in `512MB`, `1.5g`, `64KiB` or a plain number; units are powers of 1024, as Compose's.

    Raises ValueError for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("expected a size such as 512MB, 1.5g or 65536")
    return int(float(found[1]) * 1024 ** " kmgt".index(found[2].lower() or " "))


def _percent(value: object) -> object:
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(found[1]) if found else value


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as exc:
        raise ValueError(f"expected a regular expression; {exc}") from exc
    return value


def _parse_period(value: object) -> float:
    seconds = parse_duration(value)
    if seconds == 0:
        raise ValueError("expected a duration longer than 0")
    return seconds


def _seconds(value: object) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if _NUMBER.fullmatch(text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def whole(value: object) -> object:
    """Interpolation gives text; digits in text are a number all the same."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) else value


def flag(value: object) -> object:
    """Interpolation gives text; the words for a flag are one all the same."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _port(value: object) -> object:
    number = whole(value)
    if number == "auto" or (type(number) is int and 1 <= number <= MAX_PORT):
        return number
    raise ValueError(f"expected a port number from 1 to {MAX_PORT}, or auto")


def at(key: str, message: str) -> PydanticCustomError:
    """A broken rule between keys of one table, laid at one of them."""
    return PydanticCustomError("rule", "{message}", {"message": message, "key": key})


def _signal(value: str) -> str:
    name = value if value.startswith("SIG") else f"SIG{value}"
    if name not in signal.Signals.__members__:
        raise ValueError("expected a signal name such as SIGTERM or SIGINT")
    return name


def _argv(value: object) -> object:
    if isinstance(value, list | tuple):
        return cast("object", value)
    if not isinstance(value, str):
        raise ValueError("expected a command: text, or a list of text")
    try:
        return shlex.split(value)
    except ValueError as exc:
        raise ValueError(f"expected a command with every quote closed, got {value!r}") from exc


def scalar(value: object) -> object:
    """A number or flag as the text an environment holds."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def one_or_more(value: object) -> object:
    """A single value is a list of it."""
    return [value] if isinstance(value, str | int) else value


def _check_variable(value: str) -> str:
    if not value or "=" in value:
        raise ValueError("expected the name of an environment variable")
    return value


def _check_route_path(value: str) -> str:
    segments = value.removeprefix("/").removesuffix("/").split("/") if value != "/" else []
    if not value.startswith("/") or not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError("expected a path such as /api/users or /api/users/{id}")
    return value


_DurationText = Annotated[str, Field(pattern=r"^\s*([0-9.]+|([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+)\s*$")]
Duration = Annotated[
    float, BeforeValidator(parse_duration, json_schema_input_type=_DurationText | float)
]
Period = Annotated[
    float, BeforeValidator(_parse_period, json_schema_input_type=_DurationText | float)
]
Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=str | int)]
Percent = Annotated[
    float, Field(gt=0, le=100_000), BeforeValidator(_percent, json_schema_input_type=str | float)
]
Regex = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_regex)]
Umask = Annotated[str, Field(pattern=r"^0?[0-7]{3}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Argv = Annotated[tuple[str, ...], BeforeValidator(_argv, json_schema_input_type=str | list[str])]
Count = Annotated[int, Field(strict=True, ge=1), BeforeValidator(whole)]
SmallCount = Annotated[int, Field(strict=True, ge=1, le=256), BeforeValidator(whole)]
Flag = Annotated[bool, Field(strict=True), BeforeValidator(flag)]
PortNumber = Annotated[int, Field(ge=1, le=MAX_PORT)]
Port = Annotated[PortNumber | Literal["auto"], BeforeValidator(_port)]
Variable = Annotated[str, AfterValidator(_check_variable)]
Signal = Annotated[str, AfterValidator(_signal)]
UrlPath = Annotated[str, Field(pattern=r"^/[!-~]*$")]
RoutePath = Annotated[UrlPath, AfterValidator(_check_route_path)]
Words = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
]
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$")]
LabelTexts = dict[LabelName, Annotated[str, Field(max_length=2000)]]
RoleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}$")]
Roles = Annotated[
    tuple[RoleName, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
DEFAULT_METHODS: tuple[Method, ...] = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
)


class Model(BaseModel):
    """Base of all suite models: frozen, unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
