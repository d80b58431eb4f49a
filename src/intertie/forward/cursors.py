"""How far each log was sent, on disk."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from intertie.runtime.logs import STREAMS, Source

log = logging.getLogger(__name__)


def load(path: Path) -> dict[Source, int]:
    """What was saved last; nothing when there is none.

    A file that cannot be read counts as none: lines are then sent twice, but none is lost.
    """
    try:
        found: object = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        log.warning("logs are sent anew", extra={"file": str(path), "why": str(exc)})
        return {}
    entries = cast("dict[str, object]", found) if isinstance(found, dict) else {}
    cursors = {_source(key): offset for key, offset in entries.items()}
    return {
        source: offset for source, offset in cursors.items() if source and isinstance(offset, int)
    }


def save(path: Path, cursors: Mapping[Source, int]) -> None:
    """All at once: whoever is killed meanwhile leaves the old ones. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps({_key(source): offset for source, offset in cursors.items()}))
    part.replace(path)


def _key(source: Source) -> str:
    return f"{source.service}/{source.replica}.{source.stream}"


def _source(key: str) -> Source | None:
    service, _, name = key.rpartition("/")
    replica, _, word = name.partition(".")
    for stream in STREAMS:
        if word == stream and service and replica.isdecimal():
            return Source(service, int(replica), stream)
    return None
