"""The media engine: looks into files, plans the ladder, transcodes to HLS. No HTTP, no storage.

found = await probe(path, limits=Limits())          # or MediaRefused
published = await transcode(path, found, out_dir, on_event=show, limits=Limits())
"""

from intertie_media.core.errors import MediaError, MediaRefused
from intertie_media.core.ladder import audio_ladder, ladder
from intertie_media.core.model import (
    AudioRung,
    AudioStream,
    Event,
    Limits,
    Playable,
    PosterReady,
    Probe,
    Progress,
    Published,
    Ready,
    Rendition,
    Rung,
    RungReady,
    Segment,
    VideoStream,
)
from intertie_media.core.probe import probe
from intertie_media.core.transcode import OnEvent, transcode

__all__ = [
    "AudioRung",
    "AudioStream",
    "Event",
    "Limits",
    "MediaError",
    "MediaRefused",
    "OnEvent",
    "Playable",
    "PosterReady",
    "Probe",
    "Progress",
    "Published",
    "Ready",
    "Rendition",
    "Rung",
    "RungReady",
    "Segment",
    "VideoStream",
    "audio_ladder",
    "ladder",
    "probe",
    "transcode",
]
