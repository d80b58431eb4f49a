"""The generated module."""

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from intertie.api.pb import control_pb2 as pb
from tools.generate import SCHEMAS


def test_it_is_the_published_description() -> None:
    """`schemas/control.desc`, which a gateway's transcoder reads, describes the same messages."""
    published = FileDescriptorSet.FromString((SCHEMAS / "control.desc").read_bytes())
    own = FileDescriptorProto()
    pb.DESCRIPTOR.CopyToProto(own)
    (found,) = [file for file in published.file if file.name == own.name]

    assert [each.name for each in found.message_type] == [each.name for each in own.message_type]
    assert [each.name for each in found.service[0].method] == [
        each.name for each in own.service[0].method
    ]


def test_imports_are_published_too() -> None:
    """A reader of the description needs no other file."""
    published = FileDescriptorSet.FromString((SCHEMAS / "control.desc").read_bytes())
    there = {file.name for file in published.file}

    assert all(set(file.dependency) <= there for file in published.file)
