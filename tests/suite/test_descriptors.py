"""What describes gRPC services, read without gRPC."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.suite.descriptors import MAX_BYTES, read, service_names
from tests.gateway.policy.calls import descriptor


def test_services_are_found_by_their_full_names() -> None:
    """In a file as `protoc` writes it, with all that it imports."""
    assert service_names(descriptor()) == {"shop.v1.Orders"}


@pytest.mark.parametrize("content", [b"", b"\x08\x01", b"\x0a\xff", b"{}", b"\x0a" + b"\xff" * 11])
def test_other_files_are_told_apart(content: bytes) -> None:
    """Empty, cut, or something else."""
    with pytest.raises(ValueError, match="it "):
        service_names(content)


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(content: bytes) -> None:
    """They are names, or a ValueError."""
    try:
        names = service_names(content)
    except ValueError:
        return
    assert all(isinstance(name, str) for name in names)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    """Nor one that is not there."""
    file = tmp_path / "made.desc"
    with pytest.raises(ValueError, match="cannot read"):
        read(file)
    file.write_bytes(b"x" * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="larger than"):
        read(file)
