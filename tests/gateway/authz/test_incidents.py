"""Refusals become few events, and none is lost."""

import pytest

from intertie.gateway.authz.incidents import MAX_KEPT, PERIOD_S, About, IncidentBook, kind_of

ADA = About("quota", "user:ada", "acme", "burst", "rate_limited")
EVE = About("auth", "ip:192.0.2.9", "default", "api_key", "key_unknown")


class Clock:
    """Set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        """See IncidentBook."""
        return self.now_s


def test_a_thousand_refusals_are_told_once_a_minute_with_their_number() -> None:
    """The first at once; all others with the next."""
    clock = Clock()
    book = IncidentBook(now_s=clock)
    for _ in range(1000):
        book.seen(ADA, "shop")
    first = book.after(0).incidents
    clock.now_s += PERIOD_S
    later = book.after(first[-1].number).incidents

    assert [each.count for each in first] == [1]
    assert [each.count for each in later] == [999]
    assert (later[0].client, later[0].policy, later[0].route) == ("user:ada", "burst", "shop")


def test_each_client_and_policy_is_told_by_itself() -> None:
    """In the order they came, with numbers that grow."""
    book = IncidentBook(now_s=Clock())
    book.seen(ADA, "shop")
    book.seen(EVE, "shop")
    book.seen(ADA, "shop")

    assert [(each.number, each.kind) for each in book.after(0).incidents] == [
        (1, "quota"),
        (2, "auth"),
    ]
    assert [each.number for each in book.after(1).incidents] == [2]


def test_who_is_quiet_is_forgotten_and_told_at_once_the_next_time() -> None:
    """Nothing is told of a minute without refusals."""
    clock = Clock()
    book = IncidentBook(now_s=clock)
    book.seen(ADA, "shop")
    for _ in range(3):
        clock.now_s += PERIOD_S
        assert book.after(1).incidents == ()
    book.seen(ADA, "shop")

    assert [each.count for each in book.after(1).incidents] == [1]


def test_a_flood_of_clients_takes_little_room_and_loses_no_count() -> None:
    """The oldest is told early to make room."""
    book = IncidentBook(now_s=Clock(), max_known=1)
    for about in (ADA, ADA, EVE):
        book.seen(about, "shop")
    for number in range(2 * MAX_KEPT):
        book.seen(About("auth", f"ip:{number}", "default", "api_key", "key_unknown"), "x" * 1000)
    found = book.after(0).incidents

    assert len(found) == MAX_KEPT
    assert max(len(each.route) for each in found) <= 256


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "rate_limited", "quota"),
        (503, "rate_limited", "quota"),
        (401, "key_expired", "auth"),
        (403, "role_missing", "auth"),
        (401, "no_credentials", None),
        (403, "unknown_route", None),
        (503, "limits_away", None),
        (302, "login", None),
    ],
)
def test_only_what_says_something_of_a_client_is_told(
    status: int, code: str, kind: str | None
) -> None:
    """Who shows nothing yet is not turned away."""
    assert kind_of(status, code) == kind
