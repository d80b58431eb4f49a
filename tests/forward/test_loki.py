import json
from pathlib import Path

import pytest

from intertie.forward.loki import encode
from tests.forward.peers import Loki, Receiver
from tests.forward.stage import Stage, records
from tests.waiting import eventually


def test_a_log_is_a_stream() -> None:
    """Named by service, replica and stream; with the time in nanoseconds, as text."""
    said = encode([*records("a", "b"), *records("c", stream="err")], {"site": "lab"})

    out = {"site": "lab", "service": "api", "replica": "0", "stream": "out"}
    at = 1_777_638_615_123_456_789
    assert said == {
        "streams": [
            {"stream": out, "values": [[str(at), "a"], [str(at + 1), "b"]]},
            {"stream": {**out, "stream": "err"}, "values": [[str(at), "c"]]},
        ]
    }


def test_labels_of_the_target_do_not_hide_where_a_line_is_from() -> None:
    """Service, replica and stream win."""
    said = json.dumps(encode(records("a"), {"service": "mine"}))

    assert '"service": "api"' in said


@pytest.mark.slow
@pytest.mark.anyio
async def test_loki_takes_every_line_once(tmp_path: Path) -> None:
    """Also lines of equal text, and those whose own times are equal, odd or not in order."""
    loki = Loki()
    texts = ["same"] * 250 + [
        '{"msg":"at","time":"2026-05-01T12:00:00Z"}',
        '{"msg":"at","time":"2026-05-01T12:00:00Z"}',
        '{"msg":"before","time":"2020-01-01T00:00:00Z"}',
        '{"msg":"after","time":"2999-01-01T00:00:00Z"}',
        "",
        "ends with \ufffd \u2028",
    ]
    stage = Stage(tmp_path)
    stage.write("".join(f"{text}\n" for text in texts))
    with Receiver(loki).running() as receiver:
        async with stage.forwarding(
            kind="loki",
            url=receiver.url,
            labels={"site": "lab"},
            headers={"Authorization": "Bearer ${secret:token}", "X-Scope-OrgID": "tenant"},
        ) as forwarder:
            await eventually(lambda: forwarder.lag_bytes() == 0)

    assert loki.lines() == texts
    assert forwarder.lost_lines == 0
    assert receiver.requests[0].headers["Authorization"] == "Bearer hidden"
    assert receiver.requests[0].headers["Content-Encoding"] == "gzip"
