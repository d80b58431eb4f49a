"""A MongoDB's dump put back into a server, and compared with what is there then."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio import from_thread
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from intertie.automation.backup.invariants import Table
from intertie.automation.backup.mongodb_files import (
    RAW,
    Collection,
    collections,
    contents_of,
    documents,
)
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_mongodb import Client, connected, database_of
from intertie.automation.backup.streams import in_thread

_MOST = 1000
_MOST_BYTES = 4 << 20


async def restore_mongodb(dump: Path, url: str, *, only: str | None = None) -> int:
    """Write all databases, or `only` one; how many documents there are. Raises BackupError.

    A database in the URL is where a dump of one database goes, under that name. Nothing is
    written over: a collection that is there already is refused before anything is written.
    """
    return await in_thread("restore a mongodb", lambda _: _restored(dump, url, only))


def _restored(dump: Path, url: str, only: str | None) -> int:
    found = tuple(collections(dump))
    wanted = _renamed([each for each in found if only in {None, each.database}], url)
    with connected(url, "restore into") as client:
        _refuse_taken(client, wanted)
        return sum(_restore(client[each.database], each) for each in wanted)


def _renamed(found: list[Collection], url: str) -> list[Collection]:
    name = database_of(url)
    if name is None:
        return found
    sources = {each.database for each in found}
    if len(sources) > 1:
        why = f"the backup has {len(sources)} databases, and the url names one"
        raise BackupError(f"cannot restore into {name!r}: {why}; leave it out of the url")
    return [replace(each, database=name) for each in found]


def _refuse_taken(client: Client, wanted: list[Collection]) -> None:
    for database in {each.database for each in wanted}:
        there = set(client[database].list_collection_names())
        taken = sorted(
            each.name for each in wanted if each.database == database and each.name in there
        )
        if taken:
            why = f"{taken[0]!r} is there already; name another database"
            raise BackupError(f"cannot restore into the database {database!r}: {why}")


def _restore(database: Database[Any], each: Collection) -> int:
    database.command({"create": each.name, **each.options})
    if each.kind == "view":
        return 0
    collection = database.get_collection(each.name, codec_options=RAW)
    for some in _batches(each.file):
        from_thread.check_cancelled()
        collection.insert_many(some, bypass_document_validation=True)
    indexes = [_index(one) for one in each.indexes if one["name"] != "_id_"]
    if indexes:
        database.command({"createIndexes": each.name, "indexes": indexes})
    return _compared(database, each)


def _index(told: Any) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "ns"}


def _batches(file: Path) -> Iterator[list[RawBSONDocument]]:
    some: list[RawBSONDocument] = []
    size = 0
    for one in documents(file):
        some.append(one)
        size += len(one.raw)
        if len(some) >= _MOST or size >= _MOST_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _compared(database: Database[Any], each: Collection) -> int:
    """How many documents there are. Raises BackupError unless they are those of the dump."""
    before = contents_of(documents(each.file))
    after = _contents(database, each.name)
    if before != after:
        told = f"{before.rows} documents in the backup, {after.rows} there now"
        raise BackupError(f"cannot trust {database.name}.{each.name} as restored: {told}")
    return after.rows


def _contents(database: Database[Any], name: str) -> Table:
    collection = database.get_collection(name, codec_options=RAW)
    parts: list[Table] = []
    with collection.find({}, batch_size=_MOST) as cursor:
        while some := cursor.to_list(_MOST):
            from_thread.check_cancelled()
            parts.append(contents_of(some))
    return _sum(parts)


def _sum(parts: list[Table]) -> Table:
    total = sum(int(each.content, 16) for each in parts) % (1 << 128)
    return Table(rows=sum(each.rows for each in parts), content=f"{total:032x}")
