"""Takes the segments of one rendition from where ffmpeg makes them to where players find them."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from intertie_media.core import playlist
from intertie_media.core.boxes import BadBoxes, Fragment, Track, read_fragment, read_track
from intertie_media.core.commands import SEGMENT_S
from intertie_media.core.model import AudioRung, Rendition, Rung, Segment

INDEX = "index.m3u8"
INIT = "init.mp4"


def write_whole(path: Path, text: str) -> None:
    """Write beside and rename: a reader gets the old text or the new, never a part."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.replace(path)


@dataclass(slots=True)
class Shelf:
    """One rendition in the making. Blocking: call it from a thread."""

    rung: Rung | AudioRung
    made: Path
    """Folder that ffmpeg writes to."""
    shown: Path
    """Folder that players read from; may be the same."""
    growing: bool
    """Whether players may read it before it is complete."""
    track: Track | None = None
    segments: list[Segment] = field(default_factory=list[Segment])
    fragments: list[Fragment] = field(default_factory=list[Fragment])

    def gather(self) -> bool:
        """Take over the segments finished since the last call; whether there were any.

        Raises BadBoxes for a segment that is not what it should be.
        """
        try:
            names = playlist.segment_names((self.made / INDEX).read_text())
        except FileNotFoundError:
            return False
        fresh = names[len(self.segments) :]
        if fresh and self.track is None:
            self.track = read_track((self.made / INIT).read_bytes())
            self._show(INIT)
        for name in fresh:
            self._take(name)
        return bool(fresh)

    def write(self, *, ended: bool) -> None:
        """Publish the media playlist of the segments so far."""
        text = playlist.media(self.segments, self.target_s, growing=self.growing, ended=ended)
        write_whole(self.shown / INDEX, text)

    @property
    def target_s(self) -> int:
        """Target duration, known before the first segment because it may never change."""
        if isinstance(self.rung, AudioRung):
            return SEGMENT_S
        return max(SEGMENT_S, round(self.rung.gop_frames / self.rung.fps))

    def rendition(self, *, ended: bool) -> Rendition:
        """What the master playlist says; the peak is only announced until it can be measured."""
        codecs = self.track.codecs if self.track else ""
        segments = tuple(self.segments)
        if isinstance(self.rung, AudioRung):
            return Rendition(
                self.rung.name,
                "audio",
                codecs,
                segments,
                language=self.rung.language,
                default=self.rung.default,
                peak_bitrate=0 if ended else self.rung.bitrate * 3 // 2,
            )
        return Rendition(
            self.rung.name,
            "video",
            codecs,
            segments,
            self.rung.width,
            self.rung.height,
            self.rung.fps,
            # The encoder's buffer of one second may empty itself into two seconds of film.
            peak_bitrate=0 if ended else self.rung.max_bitrate * 3 // 2,
        )

    def _take(self, name: str) -> None:
        if self.track is None:
            raise BadBoxes("segments without an initialisation segment")
        with (self.made / name).open("rb") as file:
            fragment = read_fragment(file)
            size = os.fstat(file.fileno()).st_size
        self._show(name)
        self.fragments.append(fragment)
        self.segments.append(Segment(name, fragment.duration / self.track.timescale, size))

    def _show(self, name: str) -> None:
        if self.made != self.shown:
            self.shown.mkdir(exist_ok=True)
            (self.made / name).replace(self.shown / name)
