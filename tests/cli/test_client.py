"""Talks to the daemon."""

from pathlib import Path

import pytest

from intertie.cli.client import Client
from intertie.errors import DaemonError, IntertieError
from intertie.runtime.folder import StateFolder
from tests.harness import Bench


def test_no_daemon_is_told_with_what_to_do(tmp_path: Path) -> None:
    """Before any connection is tried."""
    with pytest.raises(DaemonError, match="start it with `intertie up`"):
        Client.connect(StateFolder(tmp_path))


def test_a_daemon_that_does_not_answer_is_told_with_its_log() -> None:
    """A refused connection names the log, not a library's exception."""
    with Client("http://127.0.0.1:1", "key") as client, pytest.raises(DaemonError, match="log"):
        client.get("/api/health")


@pytest.mark.slow
def test_the_daemons_own_words_are_the_error(running: Bench) -> None:
    """The detail of a problem document is what the user reads."""
    with (
        Client.connect(StateFolder(running.state)) as client,
        pytest.raises(IntertieError, match="cannot find service 'nope'"),
    ):
        client.get("/api/services/nope")


@pytest.mark.slow
def test_events_are_parsed_one_by_one(running: Bench) -> None:
    """Comments and other fields of the stream are not events."""
    with Client.connect(StateFolder(running.state)) as client:
        events = list(client.events("/api/events", follow=False))

    assert {"suite.service_started", "suite.change"} <= {event["type"] for event in events}
