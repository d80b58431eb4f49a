"""Compiles proto/, and says what a change of it would break for programs that use it."""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "proto"
FILE = "intertie/v1/control.proto"

_RESERVED = "reserved"
Shape = dict[str, str]
"""What a program relies on, by where it stands: of a field its number, its name and its type."""


class ProtoError(Exception):
    """The file does not compile, or breaks a promise."""


def compiled(source: Path = SOURCES) -> dict[str, bytes]:
    """The descriptor set (with what it imports), the Python module and its types, by suffix."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        arguments = [
            "protoc",
            f"-I{source}",
            f"-I{files('grpc_tools') / '_proto'}",
            f"--python_out={folder}",
            f"--pyi_out={folder}",
            f"--descriptor_set_out={folder / 'control.desc'}",
            "--include_imports",
            FILE,
        ]
        if protoc.main(arguments) != 0:
            raise ProtoError(f"cannot compile {FILE}: see above")
        stem = folder / FILE.removesuffix(".proto")
        return {
            "desc": (folder / "control.desc").read_bytes(),
            "py": stem.with_name("control_pb2.py").read_bytes(),
            "pyi": stem.with_name("control_pb2.pyi").read_bytes(),
        }


def broken(before: bytes, after: bytes) -> list[str]:
    """What programs made from `before` could not do with `after`, a line each."""
    present = shape(after)
    return [
        f"{place}: it was {was}, and is {now or 'gone: reserve its number'}"
        for place, was in shape(before).items()
        if (now := present.get(place)) not in {was, _RESERVED}
    ]


def check(published: Path, after: bytes) -> None:
    """Raise ProtoError unless all that was published goes on working."""
    faults = broken(published.read_bytes(), after) if published.exists() else []
    if faults:
        raise ProtoError(f"cannot generate from proto/{FILE}:\n" + "\n".join(faults))


def shape(descriptors: bytes) -> Shape:
    """Of all that is ours in a descriptor set."""
    found: Shape = {}
    for file in FileDescriptorSet.FromString(descriptors).file:
        if file.package.startswith("google."):
            continue
        for message in file.message_type:
            found |= dict(_message(f"{file.package}.{message.name}", message))
        for enum in file.enum_type:
            found |= dict(_enum(f"{file.package}.{enum.name}", enum))
        for service in file.service:
            for method in service.method:
                place = f"{file.package}.{service.name}/{method.name}"
                stream = "stream of " if method.server_streaming else ""
                found[place] = f"{method.input_type} to {stream}{method.output_type}"
    return found


def _message(place: str, message: DescriptorProto) -> Iterator[tuple[str, str]]:
    """A number keeps its place for ever: as its field, or as reserved."""
    for field in message.field:
        told = f"{field.name}, {field.type_name or field.type}, {field.label}"
        yield f"{place} #{field.number}", told
    for span in message.reserved_range:
        for number in range(span.start, span.end):
            yield f"{place} #{number}", _RESERVED
    for inner in message.nested_type:
        yield from _message(f"{place}.{inner.name}", inner)


def _enum(place: str, enum: EnumDescriptorProto) -> Iterator[tuple[str, str]]:
    for value in enum.value:
        yield f"{place} #{value.number}", value.name
    for span in enum.reserved_range:
        for number in range(span.start, span.end + 1):
            yield f"{place} #{number}", _RESERVED
