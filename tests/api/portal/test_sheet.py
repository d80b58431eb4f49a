"""Wide pages with tables."""

from datetime import UTC, datetime, timedelta, timezone

from intertie.api.portal import sheet

EVIL = "<script>alert('x')</script>\"><img src=x>"


def test_texts_are_inert() -> None:
    """Wherever they stand."""
    made = sheet.page(
        EVIL,
        sheet.section(EVIL, sheet.table((EVIL,), [(sheet.text(EVIL), sheet.code(EVIL))])),
        sheet.field(EVIL, EVIL, kind=EVIL, hint=EVIL),
        sheet.table((), [], none=EVIL),
        sheet.status(EVIL),
        nav=sheet.nav([(EVIL, EVIL)]),
    )

    assert "<script" not in made
    assert "<img" not in made


def test_a_page_allows_no_script_unless_it_has_one() -> None:
    """Nor requests from one."""
    assert "script-src" not in sheet.policy()
    assert "connect-src" not in sheet.policy()
    assert "script-src 'sha256-" in sheet.policy("alert(1)")


def test_times_are_told_in_one_zone() -> None:
    """To the minute."""
    at = datetime(2026, 3, 1, 12, 30, 59, tzinfo=timezone(timedelta(hours=2)))

    assert sheet.moment(at) == "2026-03-01 10:30 UTC"
    assert sheet.moment(at.astimezone(UTC)) == sheet.moment(at)
    assert sheet.moment(None, none="never") == "never"
