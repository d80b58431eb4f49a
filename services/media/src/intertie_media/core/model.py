"""What the media engine passes around: limits, facts of a file, rungs, events, results."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. The defaults take 4K at 60/s for half an hour, 1080p for four."""

    memory_bytes: int = GIB
    """Resident memory that one ffmpeg cannot pass."""
    max_pixels: int = 4096 * 2304
    """Pixels of one frame."""
    max_pixel_frames: int = 10**12
    """Pixels × frames of the whole video, known before anything is decoded."""
    max_duration_s: float = 4 * 3600.0
    max_streams: int = 32
    probe_s: float = 15.0
    """Wall-clock seconds that looking at a file may take."""
    stall_s: float = 60.0
    """Seconds without progress after which an encode is given up."""
    threads: int = 2
    """Threads of each decoder and encoder: a bound on memory, not only on speed."""


@dataclass(frozen=True, slots=True)
class VideoStream:
    """The picture as it is to be shown: rotated, and with square pixels."""

    index: int
    """Number of the stream in the file, as ffmpeg counts."""
    codec: str
    width: int
    height: int
    coded_pixels: int
    """Width × height as stored, which is what decoding costs."""
    fps: Fraction
    """The rate to play at: the nominal one where the file has a sane one, else the mean."""
    frames: int
    """How many frames there are to decode; an estimate unless the file was counted."""
    bitrate: int
    """Bits a second, 0 when unknown."""
    pixel_format: str
    hdr: Literal["", "pq", "hlg"] = ""
    rotation: int = 0
    """Degrees, one of 0, 90, 180, 270."""
    may_be_interlaced: bool = False

    @property
    def short_side(self) -> int:
        """The smaller of width and height: the number in front of the `p`."""
        return min(self.width, self.height)


@dataclass(frozen=True, slots=True)
class AudioStream:
    """One audio track."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    """0 when ffmpeg does not say."""
    bitrate: int
    language: str = ""
    """As the file has it, usually three letters; empty when undetermined."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file holds, decided by its bytes alone."""

    container: str
    """ffmpeg's name of the demuxer, which every later run is forced to."""
    duration_s: float
    size_bytes: int
    video: VideoStream | None
    audio: tuple[AudioStream, ...]


@dataclass(frozen=True, slots=True)
class Rung:
    """One picture size of the ladder."""

    name: str
    """`360p`: also the name of its folder."""
    width: int
    height: int
    fps: Fraction
    max_bitrate: int
    """Bits a second no two seconds exceed by much; easy pictures take far less."""

    @property
    def gop_frames(self) -> int:
        """Frames from key frame to key frame: the first number that fills two seconds."""
        return -(-2 * self.fps.numerator // self.fps.denominator)


@dataclass(frozen=True, slots=True)
class AudioRung:
    """One audio rendition, stereo AAC."""

    name: str
    """`audio`, `audio-2`, …: also the name of its folder."""
    index: int
    """The stream it is made from."""
    bitrate: int
    language: str = ""
    default: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a media playlist."""

    uri: str
    duration_s: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Rendition:
    """A finished or growing media playlist and what a master playlist says of it."""

    name: str
    kind: Literal["video", "audio"]
    codecs: str
    """RFC 6381, read from the initialisation segment."""
    segments: tuple[Segment, ...]
    width: int = 0
    height: int = 0
    fps: Fraction = Fraction(0)
    language: str = ""
    default: bool = False
    peak_bitrate: int = 0
    """Bits a second to announce while the segments so far cannot tell the peak; 0 = measured."""

    @property
    def uri(self) -> str:
        """Where the media playlist is, seen from the master playlist."""
        return f"{self.name}/index.m3u8"

    @property
    def duration_s(self) -> float:
        """Sum of its segments."""
        return sum(segment.duration_s for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Published:
    """The whole, verified result of one transcode."""

    master: Path
    poster: Path | None
    renditions: tuple[Rendition, ...]
    duration_s: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one stage is: `first` makes the first rung, `rest` all others in one go."""

    stage: Literal["first", "rest"]
    rung: str
    """The rungs at work, joined by `+`."""
    ratio: float
    """0 to 1 within the stage."""


@dataclass(frozen=True, slots=True)
class Playable:
    """`master` may be given to a player from now on; the first rung may still be growing."""

    master: Path


@dataclass(frozen=True, slots=True)
class RungReady:
    """This rung is complete, verified and in the master playlist."""

    rung: str


@dataclass(frozen=True, slots=True)
class PosterReady:
    """The poster is there."""

    path: Path


@dataclass(frozen=True, slots=True)
class Ready:
    """All is done; the last event of a transcode."""

    published: Published


Event = Progress | Playable | RungReady | PosterReady | Ready
