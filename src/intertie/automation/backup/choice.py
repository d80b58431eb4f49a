"""Which backup is meant, and which part of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from intertie.automation.backup.mongodb_names import file_name
from intertie.automation.backup.object_names import path_of
from intertie.automation.backup.port import BackupError, Snapshot
from intertie.automation.backup.snapshot_s3 import MANIFEST, OBJECTS
from intertie.automation.backup.snapshots import RECORD, SOURCES
from intertie.suite.schedule import BackupSource

NEWEST = "newest"
_NO_PART = (
    "no source has `tenant_part`, which says where a tenant's part of it lies; see the chapter"
    " on automation"
)


def choose(found: Sequence[Snapshot], id: str = NEWEST, *, at: datetime | None = None) -> Snapshot:
    """The one of that id, or the newest good one, or the newest good one not after `at`.

    Raises BackupError. `found` is newest first.
    """
    if id != NEWEST:
        chosen = next((one for one in found if one.id == id), None)
        if chosen is None:
            raise BackupError(f"cannot find the backup {id!r}; see `intertie backup list`")
        return chosen
    good = [one for one in found if one.fault is None]
    if not good:
        raise BackupError("cannot choose a backup: there is none that is good yet")
    before = [one for one in good if at is None or one.at <= at]
    if not before:
        why = f"the oldest is of {good[-1].at.isoformat(timespec='seconds')}"
        raise BackupError(f"cannot choose a backup: there is none so old; {why}")
    return before[0]


def parts_of(
    sources: Mapping[str, BackupSource], *, source: str | None = None, tenant: str | None = None
) -> Mapping[str, str]:
    """Sources that are meant, and the part of each: of a tenant, or "" for all of it.

    Raises BackupError for a source that is not there, and where no source says where a tenant's
    part lies.
    """
    if source is not None and source not in sources:
        known = ", ".join(sources)
        raise BackupError(f"cannot restore the source {source!r}: there is none; known: {known}")
    chosen = {name: one for name, one in sources.items() if source in {None, name}}
    if tenant is None:
        return dict.fromkeys(chosen, "")
    if not tenant or "/" in tenant or tenant in {".", ".."}:
        raise BackupError(f"cannot restore for the tenant {tenant!r}: that is no name")
    parts = {
        name: one.tenant_part.replace("{tenant}", tenant)
        for name, one in chosen.items()
        if one.tenant_part is not None
    }
    if not parts:
        raise BackupError(f"cannot restore for the tenant {tenant!r}: {_NO_PART}")
    return parts


def paths_of(sources: Mapping[str, BackupSource], parts: Mapping[str, str]) -> tuple[str, ...]:
    """Paths in a backup that belong to these parts, with its record and manifests."""
    paths = [RECORD]
    for name, part in parts.items():
        kind = sources[name].kind
        paths.append("/".join(filter(None, (SOURCES, name, _inside(kind, part)))))
        if part and kind == "s3":
            paths.append(f"{SOURCES}/{name}/{MANIFEST}")
    return tuple(paths)


def _inside(kind: str, part: str) -> str:
    if not part:
        return ""
    if kind == "s3":
        below = path_of(part.rstrip("/") + "/any").parent
        return f"{OBJECTS}/{below}"
    return file_name(part) if kind == "mongodb" else part.strip("/")
