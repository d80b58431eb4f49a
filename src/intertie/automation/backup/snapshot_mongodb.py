"""Collections of a MongoDB as BSON, with their options and indexes.

Loaded once a suite has one as a source.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyio import from_thread
from bson import InvalidBSON
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from intertie.automation.backup.mongodb_files import (
    DOCUMENTS,
    RAW,
    Document,
    write_about,
)
from intertie.automation.backup.mongodb_names import file_name
from intertie.automation.backup.port import BackupError
from intertie.automation.backup.streams import in_thread

NOT_ONE_MOMENT = "not point-in-time: this server gives no snapshot over several reads"
_ANSWER_MS = 10_000
_READ_MS = 60_000
_OWN = frozenset({"admin", "local", "config"})
_BATCH = 500
_NOT_ALLOWED = {13, 18}

Client = MongoClient[Any]  # documents are whatever the server has


async def dump_mongodb(url: str, folder: Path) -> tuple[str, ...]:
    """Fill the folder; what is to be known of how whole it is. Raises BackupError.

    All databases but the server's own, or the one that the URL names.
    """
    return await in_thread("back up a mongodb", lambda _: _dumped(url, folder))


def _dumped(url: str, folder: Path) -> tuple[str, ...]:
    with connected(url, "back up") as client:
        names = _databases(client, url)
        session = _snapshot(client, names)
        if session is None:
            _dump(client, names, folder, None)
            return (NOT_ONE_MOMENT,)
        with session:
            _dump(client, names, folder, session)
        return ()


@contextmanager
def connected(url: str, doing: str) -> Iterator[Client]:
    """A client, for a thread; what fails inside is BackupError "cannot `doing` the mongodb at ...".

    Not the one for coroutines: closed while it connects, that leaves its socket open.
    """
    try:
        host, port = parse_uri(url)["nodelist"][0]
    except (PyMongoError, ValueError, LookupError):  # its text may show the password
        raise BackupError(f"cannot {doing} a mongodb: its url is not one") from None
    doing = f"{doing} the mongodb at {host}:{port}"
    try:
        with MongoClient[Any](
            url,
            serverSelectionTimeoutMS=_ANSWER_MS,
            connectTimeoutMS=_ANSWER_MS,
            socketTimeoutMS=_READ_MS,
            serverMonitoringMode="poll",  # one job is over soon, and one monitor enough for it
        ) as client:
            yield client
    except PyMongoError as exc:
        raise BackupError(f"cannot {doing}: {_why(exc)}") from exc
    except InvalidBSON as exc:
        raise BackupError(f"cannot {doing}: a document is damaged: {exc}") from exc


def _why(exc: PyMongoError) -> str:
    text = str(exc).partition(", full error")[0]
    return text.partition(", Timeout:")[0]


def database_of(url: str) -> str | None:
    """The one that a URL names. Raises BackupError."""
    try:
        named = parse_uri(url)["database"]
    except (PyMongoError, ValueError):
        raise BackupError("cannot use a mongodb: its url is not one") from None
    return None if named is None else str(named)


def _databases(client: Client, url: str) -> Sequence[str]:
    named = database_of(url)
    if named is not None:
        return [named]
    return [name for name in client.list_database_names() if name not in _OWN]


def _snapshot(client: Client, names: Sequence[str]) -> ClientSession | None:
    """A session whose reads are all of one moment; None where the server gives no such moment."""
    ask: dict[str, Any] = {"find": "any", "limit": 1, "readConcern": {"level": "snapshot"}}
    try:
        answer = client[names[0] if names else "admin"].command(ask)
        if "atClusterTime" not in answer["cursor"]:
            return None
        return client.start_session(snapshot=True)
    except ConfigurationError:
        return None
    except OperationFailure as exc:
        if exc.code in _NOT_ALLOWED:
            raise
        return None


def _dump(
    client: Client, names: Sequence[str], folder: Path, session: ClientSession | None
) -> None:
    for name in names:
        target = folder / file_name(name)
        target.mkdir(mode=0o700)
        database = client[name]
        with database.list_collections() as found:
            abouts = [each for each in found if not each["name"].startswith("system.")]
        for about in abouts:
            _collection(database, about, target, session)


def _collection(
    database: Database[Any], about: Document, target: Path, session: ClientSession | None
) -> None:
    name, kind = about["name"], about.get("type", "collection")
    indexes: list[Document] = []
    if kind != "view":
        with database[name].list_indexes() as found:
            indexes = list(found)
        _documents(database, name, target / file_name(name, DOCUMENTS), session)
    options = about.get("options", {})
    told = {"name": name, "type": kind, "options": options, "indexes": indexes}
    write_about(target, told)


def _documents(
    database: Database[Any], name: str, file: Path, session: ClientSession | None
) -> None:
    collection = database.get_collection(name, codec_options=RAW)
    with (
        file.open("xb") as to,
        collection.find({}, session=session, batch_size=_BATCH) as cursor,
    ):
        while some := cursor.to_list(_BATCH):
            from_thread.check_cancelled()
            to.writelines(each.raw for each in some)
