"""Runs one file through the media engine and prints what became of it, with times and memory.

python -m services.media.tests.core.engine <file> <empty folder>
"""

import json
import resource
import sys
import time
from pathlib import Path

import anyio

from intertie_media.core import Event, Limits, MediaError, Playable, Published, probe, transcode

KIB = 1024


async def publish(source: Path, out: Path, times: dict[str, float]) -> Published:
    """Probe and transcode; `times` gets the seconds each step was reached after."""
    start = time.monotonic()

    async def note(event: Event) -> None:
        if isinstance(event, Playable):
            times["playable_s"] = round(time.monotonic() - start, 3)

    found = await probe(source, limits=Limits())
    times["probed_s"] = round(time.monotonic() - start, 3)
    published = await transcode(source, found, out, on_event=note, limits=Limits())
    times["ready_s"] = round(time.monotonic() - start, 3)
    return published


def main() -> None:
    """Print one JSON object; any exception but MediaError is a crash."""
    times: dict[str, float] = {}
    refused, message, sizes = "", "", list[tuple[int, int]]()
    try:
        published = anyio.run(publish, Path(sys.argv[1]), Path(sys.argv[2]), times)
        sizes = [(each.width, each.height) for each in published.renditions]
    except MediaError as exc:
        refused, message = exc.code, exc.message
    # The high-water mark of all reaped children: it cannot miss a short peak.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * KIB
    report = {"refused": refused, "message": message, "peak_bytes": peak, "sizes": sizes}
    sys.stdout.write(json.dumps({**report, "times": times}) + "\n")


if __name__ == "__main__":
    main()
