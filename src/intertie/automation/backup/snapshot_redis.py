"""A Redis or Valkey server's content as a dump file, taken the way a replica takes it.

The server writes its dump from a copy of its memory of one moment. Protocol: the `SYNC` command of
redis.io/docs/latest/commands/sync, with the `rdb-only` and `eof` replica options that its own
command line uses.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from anyio import (
    BrokenResourceError,
    ClosedResourceError,
    EndOfStream,
    IncompleteRead,
    connect_tcp,
    fail_after,
    open_file,
)
from anyio.abc import ByteStream
from anyio.streams.buffered import BufferedByteReceiveStream

from intertie.automation.backup.port import BackupError

_IDLE_S = 60.0
_CONNECT_S = 10.0
_LINE = 1 << 16
_MARK_BYTES = 40
_MAGIC = (b"REDIS", b"VALKEY")
DUMP = "dump.rdb"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPlace:
    """Where a server is."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "RedisPlace":
        """Of `redis://` or `rediss://` (TLS). Raises BackupError, which does not show it."""
        try:
            parts = urlsplit(url)
            port = parts.port or 6379
        except ValueError as exc:
            raise BackupError("cannot back up a redis: its url is not one") from exc
        if parts.scheme not in {"redis", "rediss", "valkey", "valkeys"} or not parts.hostname:
            raise BackupError("cannot back up a redis: its url must begin with redis://host")
        return cls(
            host=parts.hostname,
            port=port,
            tls=parts.scheme in {"rediss", "valkeys"},
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


async def dump_redis(url: str, folder: Path) -> None:
    """Write the server's dump into the folder. Raises BackupError."""
    place = RedisPlace.parse(url)
    doing = f"back up the redis at {place.host}:{place.port}"
    try:
        with fail_after(_CONNECT_S):
            stream = await _connect(place)
        async with stream:
            await _Sync(doing, stream, BufferedByteReceiveStream(stream)).run(place, folder / DUMP)
    except TimeoutError as exc:
        raise BackupError(f"cannot {doing}: it does not answer") from exc
    except (EndOfStream, IncompleteRead, BrokenResourceError, ClosedResourceError) as exc:
        raise BackupError(f"cannot {doing}: it closed the connection") from exc
    except OSError as exc:
        raise BackupError(f"cannot {doing}: {exc}") from exc


async def _connect(place: RedisPlace) -> ByteStream:
    if not place.tls:
        return await connect_tcp(place.host, place.port)
    context = ssl.create_default_context()
    return await connect_tcp(place.host, place.port, ssl_context=context)


@dataclass(frozen=True, slots=True)
class _Sync:
    doing: str
    stream: ByteStream
    received: BufferedByteReceiveStream

    async def run(self, place: RedisPlace, file: Path) -> None:
        if place.password is not None:
            login = [place.user, place.password] if place.user else [place.password]
            await self._ask("AUTH", *login)
        await self._ask("REPLCONF", "capa", "eof")
        await self._ask("REPLCONF", "rdb-only", "1")
        await self._send("SYNC")
        announced = await self._line()
        while not announced:  # it sends empty lines while it prepares the dump
            announced = await self._line()
        if announced.startswith(b"$EOF:"):
            await self._until_mark(announced[5:], file)
        elif announced.startswith(b"$"):
            await self._exactly(int(announced[1:]), file)
        else:
            raise self._refused(announced)
        await self._check(file)

    async def _ask(self, *words: str) -> None:
        await self._send(*words)
        answer = await self._line()
        if not answer.startswith(b"+"):
            raise self._refused(answer)

    async def _send(self, *words: str) -> None:
        parts = [word.encode() for word in words]
        text = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        with fail_after(_IDLE_S):
            await self.stream.send(b"*%d\r\n" % len(parts) + text)

    async def _line(self) -> bytes:
        with fail_after(_IDLE_S):
            return (await self.received.receive_until(b"\n", _LINE)).rstrip(b"\r")

    async def _exactly(self, left: int, file: Path) -> None:
        async with await open_file(file, "xb") as out:
            while left:
                with fail_after(_IDLE_S):
                    chunk = await self.received.receive(min(left, _LINE))
                left -= len(chunk)
                await out.write(chunk)

    async def _until_mark(self, mark: bytes, file: Path) -> None:
        """The mark of 40 random bytes follows what it cannot be part of."""
        held = b""
        async with await open_file(file, "xb") as out:
            while not held.endswith(mark):
                with fail_after(_IDLE_S):
                    held += await self.received.receive(_LINE)
                if not held.endswith(mark):
                    await out.write(held[:-_MARK_BYTES])
                    held = held[-_MARK_BYTES:]
            await out.write(held[:-_MARK_BYTES])

    async def _check(self, file: Path) -> None:
        async with await open_file(file, "rb") as held:
            if not (await held.read(6)).startswith(_MAGIC):
                raise BackupError(f"cannot {self.doing}: what it sent is no dump")

    def _refused(self, answer: bytes) -> BackupError:
        why = answer.decode(errors="replace").lstrip("-")
        hint = "its user needs the commands SYNC and REPLCONF"
        return BackupError(f"cannot {self.doing}: it answered {why!r}; {hint}")
