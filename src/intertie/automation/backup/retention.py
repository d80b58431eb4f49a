"""Which backups are kept: the newest of each of so many days, weeks, months and years."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from intertie.automation.backup.port import Snapshot
from intertie.suite.schedule import BackupRetention

Bucket = Callable[[datetime], tuple[int, ...]]


def keep(
    snapshots: Iterable[Snapshot], policy: BackupRetention, now: datetime
) -> tuple[tuple[Snapshot, ...], tuple[Snapshot, ...]]:
    """What stays and what may go, both newest first.

    Days are UTC's, and only those that have a backup count. The newest good one always stays, and
    so do those that show a fault, for somebody to look at, and those that say they are of the
    future, for the clock was wrong.
    """
    ordered = sorted(snapshots, key=lambda one: (one.at, one.id), reverse=True)
    good = [one for one in ordered if one.fault is None and one.at <= now]
    kept = {one.id for one in ordered if one.fault is not None or one.at > now}
    kept |= {one.id for one in good[:1]}
    for bucket, count in _rules(policy):
        kept |= _newest(good, bucket, count)
    return (
        tuple(one for one in ordered if one.id in kept),
        tuple(one for one in ordered if one.id not in kept),
    )


def _newest(ordered: Sequence[Snapshot], bucket: Bucket, count: int) -> set[str]:
    found: dict[tuple[int, ...], str] = {}
    for one in ordered:
        found.setdefault(bucket(one.at.astimezone(UTC)), one.id)
    return set(list(found.values())[:count])


def _rules(policy: BackupRetention) -> tuple[tuple[Bucket, int], ...]:
    return (
        (lambda at: (at.year, at.month, at.day), policy.daily),
        (lambda at: tuple(at.isocalendar()[:2]), policy.weekly),
        (lambda at: (at.year, at.month), policy.monthly),
        (lambda at: (at.year,), policy.yearly),
    )


def refusal(
    snapshots: Iterable[Snapshot],
    *,
    drill_passed: bool | None,
    interval: timedelta,
    now: datetime,
) -> str | None:
    """Why nothing may be removed, or None. `drill_passed` is None when none has been done."""
    if drill_passed is None:
        return "no restore has been practised yet; run a drill first"
    if not drill_passed:
        return "the newest drill failed; look at what it found first"
    newest = max((one.at for one in snapshots if one.fault is None), default=None)
    if newest is None:
        return "there is no good backup"
    if now - newest >= 2 * interval:
        return f"the newest good backup is of {newest:%Y-%m-%d %H:%M}, twice the interval ago"
    return None
