import pytest

from intertie.errors import IntertieError
from intertie.forward.senders import open_sender
from intertie.suite.logging import LogTarget
from tests.forward.peers import Receiver
from tests.forward.stage import records


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "path", "asked"),
    [
        ("loki", "", "/loki/api/v1/push"),
        ("loki", "/", "/loki/api/v1/push"),
        ("loki", "/mine?x=1", "/mine?x=1"),
        ("otlp", "", "/v1/logs"),
        ("otlp", "/otlp/v1/logs", "/otlp/v1/logs"),
    ],
)
async def test_a_url_may_leave_out_the_usual_path(kind: str, path: str, asked: str) -> None:
    """One that is given is used as it is."""
    with Receiver().running() as receiver:
        target = LogTarget.model_validate({"kind": kind, "url": receiver.url + path})
        async with open_sender(target, str) as sender:
            await sender.send(records("x"))

    assert receiver.requests[0].path == asked


def test_a_secret_that_is_not_there_is_told() -> None:
    """Before anything is sent."""

    def find(text: str) -> str:
        raise IntertieError("cannot read secret 'token': it is not there")

    target = LogTarget(kind="loki", url="http://x", headers={"Authorization": "${secret:token}"})

    with pytest.raises(IntertieError, match="cannot read secret"):
        open_sender(target, find)
