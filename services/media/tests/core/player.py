"""Looks at published renditions as a player would, with an ffmpeg that did not make them."""

import re
import subprocess
from pathlib import Path

from intertie_media.core.boxes import Fragment, read_fragment, read_track
from intertie_media.core.dump import Description, describe
from intertie_media.core.playlist import segment_names
from services.media.tests import samples


def play(playlist: Path, *, seconds: float = 3600) -> Description:
    """Decode `playlist`, a master's every rendition; fails at the first fault.

    `seconds` bounds it for one that is still growing, whose end would be waited for.
    """
    reader = ["-xerror", "-err_detect", "explode", "-f", "hls", "-i", str(playlist), "-map", "0"]
    said = _run(samples.programs()[-1], *reader, "-t", str(seconds))
    assert "[error]" not in said, said
    return describe(said.partition("Stream mapping:")[0])


def fields(film: Path, container: str = "hls") -> tuple[int, int]:
    """How many frames look like two fields, and how many like one picture."""
    said = _run(samples.programs()[0], "-f", container, "-i", str(film), "-vf", "idet")
    found = re.search(r"Multi frame detection: TFF:\s*(\d+) BFF:\s*(\d+) Prog\w+:\s*(\d+)", said)
    assert found
    return int(found[1]) + int(found[2]), int(found[3])


def _run(program: Path, *arguments: str) -> str:
    command = [str(program), "-nostdin", "-loglevel", "level+info", *arguments, "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


def fragments(folder: Path) -> list[Fragment]:
    """The segments that a rendition's playlist lists, in its order."""
    names = segment_names((folder / "index.m3u8").read_text())
    found: list[Fragment] = []
    for name in names:
        with (folder / name).open("rb") as file:
            found.append(read_fragment(file))
    return found


def starts_s(folder: Path) -> list[float]:
    """When each segment starts."""
    timescale = read_track((folder / "init.mp4").read_bytes()).timescale
    return [fragment.start / timescale for fragment in fragments(folder)]
