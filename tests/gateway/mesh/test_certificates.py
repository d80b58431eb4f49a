"""When certificates are made anew."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from intertie.gateway.mesh.certificates import Certificates
from intertie.identity.authority import Authority

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY_S = 86400.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """The same until then."""
        return self.now


def made(folder: Path, clock: Clock, seed: str = "") -> Certificates:
    """Of a day each."""
    authority = Authority.open(folder, "shop", now=clock)
    rng = random.Random(seed)  # noqa: S311 — when, not what
    return Certificates(authority, lifetime_s=DAY_S, now=clock, rng=rng)


def test_one_is_kept_until_about_half_its_life(tmp_path: Path) -> None:
    """Nobody is given a new one before, and nobody keeps an old one after."""
    clock = Clock()
    certificates = made(tmp_path, clock)
    first = certificates.current("web")

    clock.now = START + timedelta(hours=9)
    early = certificates.current("web")
    clock.now = START + timedelta(hours=15)
    late = certificates.current("web")

    assert early is first
    assert late is not first
    assert late.not_after == clock.now + timedelta(days=1)


def test_not_all_are_renewed_at_one_moment(tmp_path: Path) -> None:
    """Each at a moment of its own, between 40 and 60 % of its life."""
    clock = Clock()
    due = set[float]()
    for name in map(str, range(20)):
        certificates = made(tmp_path, clock, name)
        certificates.current(name)
        due.add(certificates.due_s() or 0)

    assert len(due) == 20
    assert min(due) >= 0.4 * DAY_S
    assert max(due) <= 0.6 * DAY_S


def test_the_first_to_be_renewed_is_known(tmp_path: Path) -> None:
    """None when there is none; 0 when it is late; those forgotten do not count."""
    clock = Clock()
    certificates = made(tmp_path, clock)
    none = certificates.due_s()
    certificates.current("web")
    one = certificates.due_s()

    clock.now = START + timedelta(days=2)
    late = certificates.due_s()
    certificates.keep({"api"})

    assert none is None
    assert one is not None
    assert 0.4 * DAY_S <= one <= 0.6 * DAY_S
    assert late == 0
    assert certificates.due_s() is None
