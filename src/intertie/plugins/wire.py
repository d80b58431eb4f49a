"""What a host and its child say to each other: JSON messages, each after its length."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from intertie.plugins.hooks import ServiceError
from intertie.plugins.settings import PluginSettings

HEADER = struct.Struct(">I")
MAX_BYTES = 16 * 1024**2
OUT_OF_MEMORY = 77
"""Exit code of a child in which a plugin's code raised MemoryError."""
_ERROR = "$error"

Message = dict[str, Any]  # JSON as it came over the wire


def pack(message: Mapping[str, object]) -> bytes:
    """Length and JSON. Raises ValueError when it is too large, or refers to itself."""
    body = json.dumps(message, default=_plain).encode()
    if len(body) > MAX_BYTES:
        raise ValueError(f"{len(body)} bytes; at most {MAX_BYTES} can be passed on")
    return HEADER.pack(len(body)) + body


def size(header: bytes) -> int:
    """Bytes of the message to come. Raises ValueError when it is too large."""
    (found,) = HEADER.unpack(header)
    if found > MAX_BYTES:
        raise ValueError(f"message of {found} bytes")
    return int(found)


def unpack(body: bytes) -> Message:
    """The message. Raises ValueError when it is none."""
    found: object = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def read(receive: Callable[[int], bytes]) -> Message | None:
    """The next message of a blocking reader, None at its end."""
    header = receive(HEADER.size)
    if len(header) < HEADER.size:
        return None
    return unpack(receive(size(header)))


def plain(args: tuple[object, ...]) -> list[object]:
    """The arguments as JSON values, a copy that nobody else holds."""
    found: list[object] = json.loads(json.dumps(args, default=_plain))
    return found


def revived(args: list[object]) -> tuple[object, ...]:
    """The arguments as a hook gets them: exceptions are exceptions again."""
    return tuple(_revived(each) for each in args)


def settings_message(settings: PluginSettings) -> Message:
    """The settings as JSON values."""
    return {**asdict(settings), "paths": [str(path) for path in settings.paths]}


def settings_of(message: Message) -> PluginSettings:
    """The settings that `settings_message` was given. Failures are counted by the host."""
    enabled = message["enabled"]
    return PluginSettings(
        paths=tuple(map(Path, message["paths"])),
        group=message["group"],
        enabled=None if enabled is None else tuple(enabled),
        disabled=tuple(message["disabled"]),
        config=message["config"],
        hook_timeout_s=message["hook_timeout_s"],
        memory_limit_bytes=message["memory_limit_bytes"],
        max_failures=0,
    )


def _plain(value: object) -> object:
    if isinstance(value, BaseException):
        return {_ERROR: [type(value).__name__, str(value)]}
    return str(value)


def _revived(value: object) -> object:
    if isinstance(value, dict) and value.keys() == {_ERROR}:
        kind, text = value[_ERROR]
        return ServiceError(text, kind=kind)
    return value
