"""REST routes of remediation, on a suite that has rules and no alarm."""

from pathlib import Path

import pytest

from tests.app.remedied import remedied, suite
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


def test_rules_history_and_replay_can_be_asked_for(tmp_path: Path) -> None:
    """What is not there is a 404, what cannot be is a 422."""
    with remedied(tmp_path, suite("approve")) as site, site.bench.api() as api:
        until(lambda: api.get("/api/remediation").status_code == 200)
        [rule] = api.get("/api/remediation/rules").json()
        replay = api.get("/api/remediation/replay", params={"since_s": 60}).json()

        assert (rule["name"], rule["mode"], rule["action"]) == ("ill", "approve", "restart")
        assert rule["would_have_helped"] is None
        assert (replay["alerts"], replay["entries"], replay["cut"]) == (0, [], False)
        assert api.get("/api/remediation", params={"state": "open"}).json() == []
        assert api.post("/api/remediation/1/approve").status_code == 404
        assert api.post("/api/remediation/1/decline").status_code == 404
        assert api.post("/api/remediation/0/approve").status_code == 422
        assert api.get("/api/remediation/replay", params={"since_s": 0}).status_code == 422
        assert api.get("/api/remediation", params={"state": "odd"}).status_code == 422
