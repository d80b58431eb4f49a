"""What a service says about its own API, and about what it needs of the machine it runs on."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from intertie.suite.values import Count, Duration, Flag, Model, Port, one_or_more, whole

_RATE = re.compile(r"([0-9]{1,9})(?:/(second|minute|hour|day))?")
_AN_HOUR = {"second": 3600.0, "minute": 60.0, "hour": 1.0, "day": 1 / 24}
Names = Annotated[
    tuple[str, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]


def _rate(value: object) -> object:
    """A number is an hour's; `1000/minute` says otherwise."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return whole(value)
    return int(int(found[1]) * _AN_HOUR[found[2] or "hour"])


Rate = Annotated[
    int, Field(strict=True, ge=1), BeforeValidator(_rate, json_schema_input_type=int | str)
]


class ApiConfiguration(Model):
    """How a service's API is to be used."""

    version: str = "v1"
    """As it stands in its paths."""
    auth_method: Literal["oauth2", "token", "jwt", "api_key", "none"] = "token"
    """What its callers show."""
    rate_limit: Rate | None = None
    """Requests an hour, of one caller; or `100/minute`."""
    timeout: Duration = 30.0
    """Of one call."""


class NfsTuning(Model):
    """What a mount must have."""

    rsize: Count | None = None
    """Bytes of one read."""
    wsize: Count | None = None
    """Bytes of one write."""
    async_: Annotated[Flag | None, Field(alias="async")] = None
    """Whether writes return before the server has them."""


class IscsiTuning(Model):
    """What a block device must have."""

    queue_depth: Count | None = None
    """Commands the device takes at once."""
    nr_requests: Count | None = None
    """Requests the kernel queues for it."""


class NfsStorage(Model):
    """A file system of another machine."""

    protocol: Literal["nfs4"]
    """NFS, version 4."""
    export: str | None = None
    """`server:/path`, for the command that mounts it."""
    mount: str | None = None
    """Where it must be mounted; without it, any nfs4 mount will do."""
    mount_options: Annotated[str, Field(pattern=r"^[A-Za-z0-9_=,.:/-]*$")] = ""
    """Options it must be mounted with, as in fstab."""
    performance_tuning: NfsTuning = NfsTuning()
    """What must be in force."""


class IscsiStorage(Model):
    """A disk of another machine."""

    protocol: Literal["iscsi"]
    """A SCSI disk over the network."""
    device: Annotated[str, Field(pattern=r"^[a-z0-9!-]+$")] | None = None
    """Its name below /sys/block; without it, every SCSI disk is looked at."""
    multipath: Flag = False
    """Whether it must be reached over more than one path."""
    performance_tuning: IscsiTuning = IscsiTuning()
    """What must be in force."""


Storage = Annotated[NfsStorage | IscsiStorage, Field(discriminator="protocol")]


class Transcoding(Model):
    """Work handed out over a queue."""

    queue_system: Literal["rabbitmq", "redis", "kafka", "nats", "embedded", "memory"]
    """What carries it."""
    host: str = "127.0.0.1"
    """Where it is."""
    port: Port | None = None
    """On which port; that of the system by default."""
    max_concurrent: Count = 1
    """Jobs at once, on this machine."""
    priority_levels: Names = ("normal",)
    """The most urgent first."""


class RetryPolicy(Model):
    """What follows a failed run."""

    attempts: Count = 3
    """In all."""
    backoff: Literal["exponential", "fixed"] = "exponential"
    """Whether the wait grows."""


class Scheduling(Model):
    """Work that is done again and again."""

    type: Literal["cron", "interval"] = "cron"
    """How its times are told."""
    retry_policy: RetryPolicy = RetryPolicy()
    """What follows a failed run."""


class IntegrationPoints(Model):
    """Where a service meets what is not part of the suite."""

    storage: Storage | None = None
    """Where its files are."""
    transcoding: Transcoding | None = None
    """How its work is handed out."""
    scheduling: Scheduling | None = None
    """What it does by the clock."""
