"""The command lines of the engine. Pure."""

from collections.abc import Sequence

from intertie_media.core.ffmpeg import INPUT, OUT
from intertie_media.core.model import AudioRung, Limits, Probe, Rung, VideoStream

SEGMENT_S = 2
PRESET = "superfast"  # 55 % of veryfast's time for 0.7 VMAF
QUALITY = 23  # constant rate factor; the rung's bitrate caps what it may cost
POSTER_SHORT_SIDE = 720
POSTER_AT_MOST_S = 5.0
POSTER_SHARE = 0.1

# To linear light, to the smaller gamut, tone curve, back: the usual recipe for screens without HDR.
TRANSFERS = {"pq": "smpte2084", "hlg": "arib-std-b67"}
TONEMAP = (
    "zscale=tin={transfer}:min=bt2020nc:pin=bt2020:rin=tv:t=linear:p=bt709:npl=100,"
    "format=gbrpf32le,tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv"
)


def input_arguments(container: str, limits: Limits) -> list[str]:
    """How each ffmpeg is told to read `input`: this demuxer, files only, no larger pictures."""
    return [
        *("-max_pixels", str(limits.max_pixels)),
        *("-threads", str(limits.threads)),
        *("-protocol_whitelist", "file"),
        *("-f", container),
        *("-i", f"file:{INPUT}"),
    ]


def encode(
    probe: Probe, rungs: Sequence[Rung], audio: Sequence[AudioRung], limits: Limits
) -> list[str]:
    """One ffmpeg that decodes once and writes each rendition to the folder of its name."""
    arguments = [
        *("-loglevel", "level+info", "-progress", "pipe:1", "-stats_period", "0.1"),
        *("-filter_threads", str(limits.threads)),
        *("-filter_complex_threads", str(limits.threads)),
        *input_arguments(probe.container, limits),
    ]
    if probe.video and rungs:
        arguments += ["-filter_complex", graph(probe.video, rungs)]
    for rung in rungs:
        arguments += ["-map", f"[{rung.name}]", *_h264(rung, limits), *_hls(rung.name)]
    for track in audio:
        arguments += ["-map", f"0:{track.index}", *_aac(track), *_hls(track.name)]
    return arguments


def poster(probe: Probe, video: VideoStream, limits: Limits, *, seek: bool) -> list[str]:
    """One frame near the start as poster.jpg; `seek` jumps there by the file's index."""
    at = min(probe.duration_s * POSTER_SHARE, POSTER_AT_MOST_S) if seek else 0.0
    scale = min(1.0, POSTER_SHORT_SIDE / video.short_side)
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (video.width, video.height))
    return [
        *("-loglevel", "level+info", "-y", "-filter_threads", str(limits.threads)),
        *(("-ss", f"{at:.3f}") if at else ()),
        *input_arguments(probe.container, limits),
        *("-map", f"0:{video.index}", "-vf", ",".join(_picture(video, width, height))),
        *("-frames:v", "1", "-q:v", "3", "-map_metadata", "-1", "-fflags", "+bitexact"),
        *("-flags:v", "+bitexact", "-pix_fmt", "yuvj420p", "-f", "image2", "-update", "1"),
        f"{OUT}/poster.jpg",
    ]


def decode(playlists: Sequence[str], limits: Limits) -> list[str]:
    """Decode whole playlists, named as seen from `out`, and stop at the first fault."""
    inputs = [
        *("-xerror", "-err_detect", "explode", "-threads", str(limits.threads)),
        *("-protocol_whitelist", "file", "-f", "hls", "-i"),
    ]
    return [
        *("-loglevel", "level+error", "-progress", "pipe:1"),
        *(word for each in playlists for word in (*inputs, f"file:{OUT}/{each}")),
        *(word for place in range(len(playlists)) for word in ("-map", str(place))),
        *("-f", "null", "-"),
    ]


def graph(video: VideoStream, rungs: Sequence[Rung]) -> str:
    """The filter graph: repair once at the largest size, then one scaler a rung."""
    top = max(rungs, key=lambda rung: rung.width * rung.height)
    fps = f"fps={top.fps.numerator}/{top.fps.denominator}:start_time=0"
    trunk = ",".join([*_picture(video, top.width, top.height, fps=fps), f"split={len(rungs)}"])
    heads = "".join(f"[s{place}]" for place in range(len(rungs)))
    branches = [
        f"[s{place}]{_scale(rung.width, rung.height) if rung != top else 'null'}[{rung.name}]"
        for place, rung in enumerate(rungs)
    ]
    return ";".join([f"[0:{video.index}]{trunk}{heads}", *branches])


def _picture(video: VideoStream, width: int, height: int, *, fps: str = "") -> list[str]:
    """Filters that make any source a plain 8-bit 4:2:0 picture with square pixels.

    ffmpeg itself rotates before the first filter. Tone mapping works in floats, 12 bytes a pixel:
    behind the scaler, or 4K would not fit into the memory limit.
    """
    chain = ["bwdif=mode=send_frame:deint=interlaced"] if video.may_be_interlaced else []
    chain += [fps] if fps else []
    chain.append(_scale(width, height))
    if video.hdr:
        chain.append(TONEMAP.format(transfer=TRANSFERS[video.hdr]))
    return [*chain, "setsar=1", "format=yuv420p"]


def _scale(width: int, height: int) -> str:
    return f"scale={width}:{height}:flags=bicubic:out_range=tv"


def _h264(rung: Rung, limits: Limits) -> list[str]:
    gop = str(rung.gop_frames)
    return [
        *("-c:v", "libx264", "-preset", PRESET, "-crf", str(QUALITY), "-profile:v", "high"),
        *("-maxrate", str(rung.max_bitrate), "-bufsize", str(rung.max_bitrate)),
        # A key frame each gop and nowhere else: all rungs cut at the same frames.
        *("-g", gop, "-keyint_min", gop, "-sc_threshold", "0"),
        *("-threads", str(limits.threads), "-flags:v", "+bitexact+cgop"),
    ]


def _aac(track: AudioRung) -> list[str]:
    return [
        *("-c:a", "aac", "-b:a", str(track.bitrate), "-ac", "2", "-ar", "48000"),
        *("-af", "aresample=async=1:first_pts=0", "-flags:a", "+bitexact"),
    ]


def _hls(folder: str) -> list[str]:
    """An HLS output of fragmented MP4; nothing the source says of itself goes into it."""
    return [
        *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact"),
        *("-f", "hls", "-hls_segment_type", "fmp4", "-hls_time", str(SEGMENT_S)),
        *("-hls_playlist_type", "event", "-hls_list_size", "0"),
        *("-hls_flags", "independent_segments+temp_file"),
        *("-hls_fmp4_init_filename", "init.mp4"),
        *("-hls_segment_filename", f"{OUT}/{folder}/%05d.m4s", f"{OUT}/{folder}/index.m3u8"),
    ]
