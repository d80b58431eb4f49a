"""Evidence is kept with a message, and comes back as it was."""

from datetime import UTC, datetime

from pydantic import TypeAdapter

from intertie.monitor.channels.port import Message
from intertie.monitor.evidence import Evidence, Measured


def test_evidence_outlives_its_process() -> None:
    """Also values that JSON has no number for."""
    evidence = Evidence("f", "Down", "up == 0", 0, 5, "nan", 1, (Measured("up", 4, "inf"),))
    now = datetime.now(UTC)
    message = Message("k", "firing", "Down", "", "critical", now, evidence=(evidence,))
    kept = TypeAdapter(Message)

    again = kept.validate_json(kept.dump_json(message))

    assert again == message
