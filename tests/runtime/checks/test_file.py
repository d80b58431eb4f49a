import os
from pathlib import Path

import pytest

from intertie.runtime.checks.file import file
from intertie.suite.health import FileProbe

pytestmark = pytest.mark.anyio


async def test_a_file_that_is_there_is_healthy(tmp_path: Path) -> None:
    """Its path is relative to the service's folder, or absolute."""
    (tmp_path / "up").touch()

    assert await file(tmp_path, FileProbe(path="up")) is None
    assert await file(Path("/"), FileProbe(path=str(tmp_path / "up"))) is None
    assert await file(tmp_path, FileProbe(path="down")) == (
        f"{tmp_path}/down: there is no such file"
    )


async def test_a_file_must_be_fresh(tmp_path: Path) -> None:
    """By the time it was last written; one from the future is."""
    beat = tmp_path / "beat"
    beat.touch()
    os.utime(beat, (1000.0, 1000.0))
    probe = FileProbe(path="beat", max_age=10.0)

    assert await file(tmp_path, probe, now=lambda: 1009.0) is None
    assert await file(tmp_path, probe, now=lambda: 900.0) is None
    assert await file(tmp_path, probe, now=lambda: 1012.5) == (
        f"{beat}: last written 12.5 s ago, expected within 10 s"
    )


async def test_a_path_that_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    """With the system's reason."""
    (tmp_path / "file").touch()

    assert await file(tmp_path, FileProbe(path="file/x")) == f"{tmp_path}/file/x: Not a directory"
