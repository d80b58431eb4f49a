"""Reads what `protoc --descriptor_set_out` wrote, as far as it is needed: names of services.

By hand, for the suite is read without the packages of gRPC. The encoding:
https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator
from pathlib import Path

MAX_BYTES = 4 * 1024 * 1024
_FILE, _PACKAGE, _SERVICE, _NAME = 1, 2, 6, 1
"""Numbers of fields in FileDescriptorSet, FileDescriptorProto and ServiceDescriptorProto."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_SHIFT, _MORE = 63, 0x80


def read(path: Path) -> bytes:
    """The file. Raises ValueError with the reason."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ValueError(f"cannot read {path}: {exc.strerror}") from exc
    if len(content) > MAX_BYTES:
        raise ValueError(f"cannot use {path}: it is larger than {MAX_BYTES} bytes")
    return content


def service_names(content: bytes) -> frozenset[str]:
    """Full names: `shop.v1.Orders`. Raises ValueError for bytes that are no descriptor set."""
    names: set[str] = set()
    for file in _all(content, _FILE):
        package = "".join(each.decode() for each in _all(file, _PACKAGE))
        for service in _all(file, _SERVICE):
            name = "".join(each.decode() for each in _all(service, _NAME))
            names.add(f"{package}.{name}" if package else name)
    if not names:
        raise ValueError("it describes no service")
    return frozenset(names)


def _all(message: bytes, number: int) -> Iterator[bytes]:
    """What the message has in a field of bytes, text or messages."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _BYTES:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("it ends too early")
            if key >> 3 == number:
                yield message[at : at + size]
            at += size
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in {_FIXED64, _FIXED32}:
            at += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("it is not a descriptor set")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The number there, and where the next thing begins."""
    value = shift = 0
    while at < len(message) and shift <= _MAX_SHIFT:
        byte = message[at]
        value |= (byte & ~_MORE) << shift
        at, shift = at + 1, shift + 7
        if not byte & _MORE:
            return value, at
    raise ValueError("it is not a descriptor set")
