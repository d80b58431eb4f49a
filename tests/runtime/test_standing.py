from datetime import UTC, datetime, timedelta

from intertie.plan import State
from intertie.runtime.standing import Standing


def test_every_change_is_told_and_only_a_new_state_has_a_new_time() -> None:
    """`since` is when the state was entered, not when its reason changed."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    told = 0

    def now() -> datetime:
        nonlocal at
        at += timedelta(seconds=1)
        return at

    def changed() -> None:
        nonlocal told
        told += 1

    standing = Standing("api", 2, now=now, changed=changed)
    standing.enter(State.RUNNING, "running")
    since = standing.view().since
    standing.enter(State.RUNNING, "healthy")

    assert standing.view().since == since
    assert standing.view().reason == "healthy"
    assert told == 2


def test_a_port_is_shown_while_there_is_a_process() -> None:
    """A port that is only kept is no place to connect to."""
    standing = Standing("api", 0, now=lambda: datetime.now(UTC), changed=lambda: None)
    standing.port = 8080
    assert standing.view().port is None

    standing.has_process(7)
    assert (standing.view().pid, standing.view().port) == (7, 8080)

    standing.drain()
    assert standing.view().draining
    standing.has_process(None)
    assert not standing.view().draining
