"""A bucket, and the client for it. Loaded once a suite has one as a source."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import import_module
from threading import Event
from typing import Any

from intertie.automation.backup.port import BackupError

Client = Any  # botocore makes its clients' methods while it runs, and ships no types
STREAMS = 8
"""Objects that are copied at a time."""
_CONNECT_S = 10
_READ_S = 60
_TRIES = 5
_LOOK_S = 0.1
_INSTALL = "install `intertie[aws]`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where objects are, and who asks for them."""

    name: str
    prefix: str = ""
    endpoint: str | None = None
    """None: AWS itself."""
    region: str = "us-east-1"
    access_key: str | None = field(default=None, repr=False)
    """None: what the environment or the machine gives."""
    secret_key: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


def client_of(bucket: Bucket) -> Client:
    """In a thread, for it reads files. Raises BackupError."""
    try:
        session, config = import_module("boto3.session"), import_module("botocore.config")
    except ModuleNotFoundError as exc:
        raise BackupError(f"cannot reach {bucket}: boto3 is not installed; {_INSTALL}") from exc
    # A session of its own: the one that boto3 shares is for one thread only.
    return session.Session().client(
        "s3",
        endpoint_url=bucket.endpoint,
        region_name=bucket.region,
        aws_access_key_id=bucket.access_key,
        aws_secret_access_key=bucket.secret_key,
        config=config.Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            max_pool_connections=STREAMS,
            retries={"mode": "standard", "max_attempts": _TRIES},
            s3={"addressing_style": "path" if bucket.endpoint else "auto"},
        ),
    )


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Refusals of the store as BackupError "cannot `doing`: ..."."""
    known = import_module("botocore.exceptions")
    transfer = import_module("boto3.exceptions")
    try:
        yield
    except (known.BotoCoreError, known.ClientError, transfer.Boto3Error) as exc:
        raise BackupError(f"cannot {doing}: {exc}") from exc


def code_of(exc: BaseException) -> str:
    """The store's word for a refusal, as NoSuchKey."""
    answer: Mapping[str, Any] = getattr(exc, "response", {})
    return str(answer.get("Error", {}).get("Code", ""))


def is_versioned(client: Client, bucket: Bucket) -> bool:
    """Whether it keeps what was written over."""
    try:
        answer = client.get_bucket_versioning(Bucket=bucket.name)
    except import_module("botocore.exceptions").ClientError as exc:
        if code_of(exc) in {"NotImplemented", "MethodNotAllowed"}:
            return False
        raise
    return bool(answer.get("Status") == "Enabled")


def settled_second(client: Client, bucket: Bucket, stop: Event) -> datetime:
    """A second of the store's own clock that is over: nothing is written in it any more.

    Times of versions are whole seconds in some stores, and this machine's clock may be another.
    """
    begun = _clock(client, bucket)
    while _clock(client, bucket) <= begun:
        if stop.wait(_LOOK_S):
            raise OSError("stopped")
    return begun


def _clock(client: Client, bucket: Bucket) -> datetime:
    answer = client.head_bucket(Bucket=bucket.name)
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        raise BackupError(f"cannot read the clock of {bucket}: it sends no Date")
    return parsedate_to_datetime(date).astimezone(UTC)
