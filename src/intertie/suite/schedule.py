"""What is done at set times: backups, maintenance, and tasks of one's own."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from intertie.suite.secret import Reference
from intertie.suite.values import (
    Argv,
    Count,
    Duration,
    Flag,
    Model,
    Name,
    Percent,
    Period,
    at,
    one_or_more,
    whole,
)

Names = Annotated[
    tuple[Name, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
]
PreCheck = Literal["storage_space", "service_status", "network_connectivity"]
BackupTask = Literal["snapshot_creation", "backup_execution", "verification", "cleanup"]
MaintenanceTask = Literal["log_rotation", "cache_cleanup", "temp_cleanup", "index_optimization"]
NotNegative = Annotated[int, Field(strict=True, ge=0), BeforeValidator(whole)]


class Notifications(Model):
    """Channels of `monitoring.channels` that are told how a run went."""

    success: Names = ()
    """When it went well."""
    failure: Names = ()
    """When it failed for good, was late, or did not run."""


class TaskRetry(Model):
    """A run that failed is tried again."""

    attempts: Count = 3
    """How often a run is tried in all."""
    delay: Period = 10.0
    """Before the second try; it doubles from try to try, and a random part of it is waited."""
    max_delay: Period = 600.0
    """The longest wait."""


class Timing(Model):
    """When a task runs, and what is done when it cannot."""

    schedule: Annotated[str, Field(min_length=1, max_length=200)]
    """Five fields as cron has them: `0 2 * * *` is each day at two."""
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"
    """Of the schedule, as Europe/Berlin."""
    dst: Literal["debian", "skip", "both", "utc"] = "debian"
    """On days when clocks change: as Debian's cron does (once, right after a gap), not at all where
    the hour is missing, also twice where it repeats, or by UTC's clock."""
    missed: Literal["skip", "once", "all"] = "once"
    """Runs that were due while the suite was down: none, one for all of them, or each."""
    max_missed: Count = 24
    """With `all`: the newest so many."""
    overlap: Literal["skip", "queue", "replace", "allow"] = "skip"
    """When the run before still runs: not begun, begun after it (one waits), begun in its place,
    or begun beside it."""
    jitter: Duration = 0.0
    """Runs begin up to so much later, always as much on one machine."""
    timeout: Period = 3600.0
    """A run that takes longer is ended with all its processes, and has failed."""
    retry: TaskRetry = TaskRetry()
    """When it failed."""
    enabled: Flag = True
    """Whether it runs by itself."""
    notifications: Notifications = Notifications()
    """Who is told how it went."""


class ResourceLimits(Model):
    """What a task may use of the machine."""

    cpu_limit: Percent | None = None
    """Of one processor."""
    io_priority: Literal["low", "normal"] = "normal"
    """Low: reads and writes only when nobody else does."""
    nice_value: Annotated[int, Field(ge=0, le=19), BeforeValidator(whole)] = 0
    """19 gives way to everybody."""


class Task(Timing):
    """A command of one's own."""

    command: Annotated[Argv, Field(min_length=1)]
    """Program and arguments, run in the suite file's folder."""
    resource_limits: ResourceLimits = ResourceLimits()
    """What it may use."""


class BackupSource(Model):
    """Something that is backed up."""

    kind: Literal["folder", "sqlite", "duckdb", "redis", "postgresql", "mongodb", "s3"]
    """How a snapshot of it is taken that is whole."""
    path: str | None = None
    """Of a folder or a file, from the suite file's folder."""
    url: str | None = None
    """Of a server; a reference where it holds a password."""
    bucket: Annotated[str, Field(min_length=3, max_length=255)] | None = None
    """Of an s3."""
    prefix: Annotated[str, Field(max_length=1000)] = ""
    """Of an s3: only objects whose keys begin with it, as `media/`."""
    endpoint: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None
    """Of an s3: another object store than AWS."""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,50}$")] = "us-east-1"
    """Of an s3."""
    access_key: Reference | None = None
    """Of an s3, as `${secret:media_id}`; none: what the machine's environment has."""
    secret_key: Reference | None = None
    """Of an s3, as `${secret:media_key}`; with `access_key`."""
    tenant_part: Annotated[str, Field(pattern=r"^[^/{}].*\{tenant\}|^\{tenant\}")] | None = None
    """Where one tenant's part of it lies, as `tenants/{tenant}`: a path in a folder, the beginning
    of the keys of an s3, or a mongodb's database. `restore --tenant` takes only that."""
    service: Name | None = None
    """A service that is started on the restored data in a drill, and must become healthy."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        self._check_bucket()
        if self.kind == "s3":
            return self
        is_server = self.kind in {"redis", "postgresql", "mongodb"}
        if is_server and (self.url is None or self.path is not None):
            raise at("url", f"a {self.kind} needs `url`, and no `path`")
        if not is_server and (self.path is None or self.url is not None):
            raise at("path", f"a {self.kind} needs `path`, and no `url`")
        return self

    @model_validator(mode="after")
    def _tenant_has_a_place(self) -> Self:
        if self.tenant_part is not None and self.kind not in {"folder", "mongodb", "s3"}:
            why = "only a folder, a mongodb and an s3 can be restored for one tenant"
            raise at("tenant_part", why)
        return self

    def _check_bucket(self) -> None:
        own = {"bucket", "prefix", "endpoint", "region", "access_key", "secret_key"}
        if self.kind != "s3":
            for name in sorted(own & self.model_fields_set):
                raise at(name, f"only an s3 has `{name}`")
            return
        if self.bucket is None or self.path is not None or self.url is not None:
            raise at("bucket", "an s3 needs `bucket`, and neither `path` nor `url`")
        if (self.access_key is None) != (self.secret_key is None):
            raise at("secret_key", "expected `access_key` and `secret_key`, or neither")


class BackupRetention(Model):
    """Which backups are kept: the newest of each of so many days, weeks, months and years."""

    daily: NotNegative = 7
    """Days."""
    weekly: NotNegative = 4
    """Weeks."""
    monthly: NotNegative = 6
    """Months."""
    yearly: NotNegative = 0
    """Years."""


class Drill(Model):
    """A restore for practice, into a folder of its own, that must give what was backed up."""

    schedule: Annotated[str, Field(min_length=1, max_length=200)] = "0 4 * * 6"
    """When, as cron has it."""
    rto: Period | None = None
    """A restore must take no longer."""
    rpo: Period | None = None
    """The newest backup must be no older."""


class Backup(Timing):
    """What is backed up, where to, and how it is proven that it can be restored."""

    schedule: Annotated[str, Field(min_length=1, max_length=200)] = "0 2 * * *"
    """Five fields as cron has them."""
    sources: dict[Name, BackupSource] = {}
    """What is backed up, by name; none: the state folder of the suite."""
    engine: Literal["archive", "restic", "borg"] = "archive"
    """`archive` needs nothing else and takes all of it each time; the others take what changed."""
    repository: str = ".intertie/backups"
    """Where backups are kept: a folder from the suite file's folder, or as the engine has it."""
    password: Reference | None = None
    """What backups are encrypted with: a reference such as `${secret:backup}`. None: a key is made
    and kept in the state folder, of which a copy belongs elsewhere."""
    pre_checks: tuple[PreCheck, ...] = (
        "storage_space",
        "service_status",
        "network_connectivity",
    )
    """What must be well before it begins."""
    tasks: tuple[BackupTask, ...] = (
        "snapshot_creation",
        "backup_execution",
        "verification",
        "cleanup",
    )
    """What is done, in this order."""
    retention: BackupRetention = BackupRetention()
    """What `cleanup` keeps; it removes nothing unless the newest drill went well."""
    drill: Drill = Drill()
    """Practice."""
    pause_services: Names = ()
    """Services that stand still while snapshots are taken, so that all sources are of one moment;
    those that read the bus belong here."""
    barrier: Annotated[Period, Field(le=60)] = 5.0
    """The longest that they stand still; a backup that takes longer is marked as partial."""
    append_only: Flag = False
    """Nothing is ever removed by the suite itself; see `intertie backup prune`."""


class Maintenance(Timing):
    """Tidying up."""

    schedule: Annotated[str, Field(min_length=1, max_length=200)] = "0 3 * * 0"
    """Five fields as cron has them."""
    tasks: tuple[MaintenanceTask, ...] = (
        "log_rotation",
        "cache_cleanup",
        "temp_cleanup",
        "index_optimization",
    )
    """What is done, in this order."""
    temp_paths: tuple[str, ...] = ()
    """Folders from the suite file's folder whose files older than `temp_age` are removed."""
    temp_age: Period = 7 * 86400.0
    """See `temp_paths`."""
    resource_limits: ResourceLimits = ResourceLimits(cpu_limit=50, io_priority="low", nice_value=19)
    """What it may use."""
