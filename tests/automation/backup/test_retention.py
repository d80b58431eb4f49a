from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from intertie.automation.backup.port import Snapshot
from intertie.automation.backup.retention import keep, refusal
from intertie.suite.schedule import BackupRetention

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def taken(ago: timedelta, *, fault: str | None = None) -> Snapshot:
    """A snapshot of so long ago."""
    return Snapshot(id=f"of {ago}", at=NOW - ago, size_bytes=1, files=1, fault=fault)


policies = st.builds(
    BackupRetention,
    daily=st.integers(0, 9),
    weekly=st.integers(0, 6),
    monthly=st.integers(0, 6),
    yearly=st.integers(0, 3),
)
histories = st.lists(
    st.builds(
        taken,
        st.integers(-100, 30_000).map(lambda hours: timedelta(hours=hours)),
        fault=st.sampled_from([None, None, None, "damaged"]),
    ),
    unique_by=lambda one: one.id,
    max_size=60,
)


@given(histories, policies)
def test_everything_is_either_kept_or_removable(
    snapshots: list[Snapshot], policy: BackupRetention
) -> None:
    """Nothing is lost and nothing is both; both come newest first."""
    kept, removable = keep(snapshots, policy, NOW)

    assert sorted(one.id for one in (*kept, *removable)) == sorted(one.id for one in snapshots)
    assert [one.at for one in kept] == sorted((one.at for one in kept), reverse=True)


@given(histories, policies)
def test_the_newest_good_one_always_stays(
    snapshots: list[Snapshot], policy: BackupRetention
) -> None:
    """Whatever the policy says; nor is a faulty one or one of the future ever taken away."""
    _, removable = keep(snapshots, policy, NOW)

    good = [one for one in snapshots if one.fault is None and one.at <= NOW]
    if good:
        assert max(good, key=lambda one: one.at) not in removable
    assert all(one.fault is None and one.at <= NOW for one in removable)


@given(histories, policies)
def test_what_is_kept_once_is_kept_again(
    snapshots: list[Snapshot], policy: BackupRetention
) -> None:
    """Removing what may go and asking again removes no more."""
    kept, _ = keep(snapshots, policy, NOW)

    assert keep(kept, policy, NOW) == (kept, ())


@given(histories, policies)
def test_no_more_is_kept_than_asked_for(snapshots: list[Snapshot], policy: BackupRetention) -> None:
    """At most one for each day, week, month and year asked for, and the newest."""
    kept, _ = keep(snapshots, policy, NOW)

    good = [one for one in kept if one.fault is None and one.at <= NOW]
    most = policy.daily + policy.weekly + policy.monthly + policy.yearly
    assert len(good) <= max(1, most)


@given(histories, policies)
def test_more_days_never_keep_less(snapshots: list[Snapshot], policy: BackupRetention) -> None:
    """A wider policy keeps all that a narrower one does."""
    wider = policy.model_copy(update={"daily": policy.daily + 1})

    kept, _ = keep(snapshots, policy, NOW)
    kept_by_wider, _ = keep(snapshots, wider, NOW)

    assert {one.id for one in kept} <= {one.id for one in kept_by_wider}


def test_a_year_of_nights() -> None:
    """Seven days, four weeks, six months: the newest of each."""
    nights = [taken(DAY * n) for n in range(365)]

    kept, _ = keep(nights, BackupRetention(), NOW)

    assert [one.at.date().isoformat() for one in kept] == [
        "2026-06-01",
        "2026-05-31",
        "2026-05-30",
        "2026-05-29",
        "2026-05-28",
        "2026-05-27",
        "2026-05-26",
        "2026-05-24",
        "2026-05-17",
        "2026-04-30",
        "2026-03-31",
        "2026-02-28",
        "2026-01-31",
    ]


def test_the_newest_of_a_day_stands_for_it() -> None:
    """Two on one day count as one."""
    late, early = taken(timedelta(hours=1)), taken(timedelta(hours=2))

    kept, removable = keep(
        [early, late], BackupRetention(daily=5, weekly=0, monthly=0, yearly=0), NOW
    )

    assert (kept, removable) == ((late,), (early,))


def test_nothing_is_removed_before_a_drill_went_well() -> None:
    """No drill, a failed one, no good backup, or an old one: each is a reason of its own."""
    fresh = [taken(DAY)]

    def why(snapshots: list[Snapshot], *, passed: bool | None) -> str | None:
        return refusal(snapshots, drill_passed=passed, interval=DAY, now=NOW)

    assert "practised" in (why(fresh, passed=None) or "")
    assert "failed" in (why(fresh, passed=False) or "")
    assert "no good backup" in (why([taken(DAY, fault="damaged")], passed=True) or "")
    assert "twice the interval" in (why([taken(2 * DAY)], passed=True) or "")
    assert why([taken(2 * DAY - timedelta(seconds=1))], passed=True) is None
