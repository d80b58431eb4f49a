"""Who has signed in to the admin page."""

from intertie.api.admin.sessions import IDLE_S, LIFETIME_S, Sessions


class _Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        """Now."""
        return self.at


def test_path_and_cookie_open_together_only() -> None:
    """One without the other is worth nothing."""
    sessions = Sessions()
    one, other = sessions.begin("Bearer a"), sessions.begin("Bearer b")

    assert sessions.find(one.door, one.number) is one
    assert sessions.find(one.door, other.number) is None
    assert sessions.find(one.door, "") is None
    assert sessions.find("", one.number) is None


def test_a_session_ends_when_nobody_comes() -> None:
    """Half an hour after the last visit."""
    clock = _Clock()
    sessions = Sessions(clock)
    session = sessions.begin("Bearer a")
    for _ in range(3):
        clock.at += IDLE_S - 1
        assert sessions.find(session.door, session.number) is session
    clock.at += IDLE_S + 1

    assert sessions.find(session.door, session.number) is None


def test_a_session_ends_for_good_at_last() -> None:
    """Eight hours after it began, however busy it is."""
    clock = _Clock()
    sessions = Sessions(clock)
    session = sessions.begin("Bearer a")
    end = clock.at + LIFETIME_S
    while clock.at + IDLE_S < end:
        clock.at += IDLE_S - 1
        assert sessions.find(session.door, session.number) is session
    clock.at = end + 1

    assert sessions.find(session.door, session.number) is None


def test_there_is_an_end_to_sessions() -> None:
    """The one longest not seen makes room."""
    clock = _Clock()
    sessions = Sessions(clock)
    found = []
    for _ in range(65):
        clock.at += 1
        found.append(sessions.begin("Bearer a"))

    assert sessions.find(found[0].door, found[0].number) is None
    assert all(sessions.find(each.door, each.number) for each in found[1:])


def test_nothing_that_opens_is_shown() -> None:
    """Not even in a log."""
    session = Sessions().begin("Bearer secret")

    told = repr(session)

    assert not any(each in told for each in ("secret", session.door, session.number, session.mark))
