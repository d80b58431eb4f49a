"""The parts of a multipart body."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.openapi.multipart import MultipartError, boundary, media_type, parts

TYPE = "multipart/form-data; boundary=x"
BODY = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nhello\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.png"\r\n'
    b"Content-Type: Image/PNG; q=1\r\n\r\n\x89PNG\r\n--x--\r\n"
)


def test_each_part_is_found() -> None:
    """With its name, type and content."""
    text, file = parts(TYPE, BODY)

    assert (text.name, text.is_file, text.type, text.content) == ("a", False, "", b"hello")
    assert (file.name, file.is_file, file.type, file.content) == (
        "f",
        True,
        "image/png",
        b"\x89PNG",
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", BODY),
        ("multipart/form-data; boundary=y", BODY),
        ("multipart/form-data; boundary=" + "y" * 500, BODY),
        (TYPE, BODY[:-6]),
        (TYPE, b"hello"),
        (TYPE, b""),
        (TYPE, b"--x\r\nContent-Disposition: form-data\r\n\r\nhello\r\n--x--\r\n"),
        (TYPE, b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 1_001 + b"--x--"),
    ],
)
def test_what_is_no_multipart_body_is_refused(kind: str, body: bytes) -> None:
    """Also one that was cut."""
    with pytest.raises(MultipartError, match="expected"):
        parts(kind, body)


def test_a_media_type_has_no_parameters() -> None:
    """And is small."""
    assert media_type("Application/JSON; charset=utf-8") == "application/json"
    assert boundary('multipart/form-data; BOUNDARY="a b"') == "a b"
    assert boundary("") == ""


@given(st.binary(max_size=200), st.text(max_size=40))
def test_any_bytes_are_parts_or_refused(body: bytes, mark: str) -> None:
    """Nothing else is raised."""
    for kind in (TYPE, f"multipart/form-data; boundary={mark}"):
        with suppress(MultipartError):
            parts(kind, b"--x\r\n" + body)
