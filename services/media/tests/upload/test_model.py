import pytest
from pydantic import ValidationError

from intertie_media.upload.model import CompleteBody, InitBody
from intertie_media.upload.protocol import DEFAULT_CHUNK_BYTES


def test_a_name_and_a_size_are_enough() -> None:
    """All else has a default."""
    body = InitBody.model_validate({"filename": "a.mp4", "size": 5})

    assert (body.size_bytes, body.chunk_bytes, body.sha256) == (5, DEFAULT_CHUNK_BYTES, None)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("film.mp4", "film.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\videos\\film.mp4", "film.mp4"),
        ("two\nlines\x00.mp4", "two lines .mp4"),
    ],
)
def test_only_the_last_part_of_a_name_is_kept(sent: str, kept: str) -> None:
    """Names are shown, never used as paths."""
    assert InitBody.model_validate({"filename": sent, "size": 1}).filename == kept


@pytest.mark.parametrize(
    "odd",
    [
        {"filename": ""},
        {"filename": "a/"},
        {"filename": "x" * 256},
        {"size": 0},
        {"size": -5},
        {"chunkSize": 1},
        {"chunkSize": 1 << 30},
        {"sha256": "abc"},
        {"title": "x" * 201},
    ],
)
def test_what_makes_no_sense_is_refused(odd: dict[str, object]) -> None:
    """Sizes and lengths are bounded before anything is made of them."""
    with pytest.raises(ValidationError):
        InitBody.model_validate({"filename": "a.mp4", "size": 5, **odd})


def test_a_hash_may_be_in_capitals() -> None:
    """It is compared in small letters."""
    assert CompleteBody(sha256="AB" * 32).sha256 == "ab" * 32
