"""The files of a MongoDB's dump. Loaded once a suite has one as a source.

A collection is `<database>/<collection>.bson` and `.metadata.json` beside it, its options and
indexes; both names are escaped.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bson import InvalidBSON, decode_file_iter, json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from intertie.automation.backup.invariants import Table
from intertie.automation.backup.mongodb_names import file_name
from intertie.automation.backup.port import BackupError

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
Document = Mapping[str, Any]  # whatever the server tells
DOCUMENTS = ".bson"
_ABOUT = ".metadata.json"
_WRAP = 1 << 128


@dataclass(frozen=True, slots=True)
class Collection:
    """One of a dump."""

    database: str
    name: str
    kind: str
    """`collection`, `view` or `timeseries`."""
    options: Document
    indexes: tuple[Document, ...]
    file: Path
    """Its documents; a view has none."""


def write_about(place: Path, told: Document) -> None:
    """Name, type, options and indexes of a collection. Raises OSError."""
    text = json_util.dumps(told, json_options=json_util.CANONICAL_JSON_OPTIONS)
    (place / file_name(told["name"], _ABOUT)).write_text(text)


def collections(folder: Path) -> Iterator[Collection]:
    """All of a dump, views last: they need what they show. Raises BackupError, OSError."""
    found = [_collection(file) for file in sorted(folder.glob(f"*/*{_ABOUT}"))]
    yield from sorted(found, key=lambda each: each.kind == "view")


def _collection(file: Path) -> Collection:
    try:
        told = json_util.loads(file.read_text(), json_options=json_util.CANONICAL_JSON_OPTIONS)
        return Collection(
            database=unquote(file.parent.name),
            name=told["name"],
            kind=told["type"],
            options=told["options"],
            indexes=tuple(told["indexes"]),
            file=file.parent / file_name(told["name"], DOCUMENTS),
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise BackupError(f"cannot read {file}: it is damaged") from exc


def documents(file: Path) -> Iterator[RawBSONDocument]:
    """One after the other, never all in memory. Raises BackupError, OSError."""
    with file.open("rb") as held:
        try:
            yield from decode_file_iter(held, codec_options=RAW)
        except InvalidBSON as exc:
            raise BackupError(f"cannot read {file}: it is damaged") from exc


def contents_of(found: Iterable[RawBSONDocument]) -> Table:
    """What these documents hold, in whatever order."""
    rows = total = 0
    for each in found:
        rows += 1
        digest = hashlib.blake2b(each.raw, digest_size=16).digest()
        total = (total + int.from_bytes(digest)) % _WRAP
    return Table(rows=rows, content=f"{total:032x}")


def mongodb_tables(folder: Path) -> dict[str, Table]:
    """What each collection of a dump holds, by `database.collection`. Or BackupError, OSError."""
    return {
        f"{each.database}.{each.name}": contents_of(documents(each.file))
        for each in collections(folder)
        if each.kind != "view"
    }
