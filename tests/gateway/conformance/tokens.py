"""Every bad token against a closed place."""

from tests.gateway.conformance.jwt_tries import token_tries
from tests.gateway.conformance.recorder import Recorder
from tests.gateway.conformance.rows import Row, counted
from tests.gateway.conformance.tries import ask_all, get
from tests.gateway.stage import Door


async def tokens(made: Door, service: Recorder, path: str) -> list[Row]:
    """None of them may reach the service."""
    assert isinstance(made.gateway.port, int)
    every = token_tries(made)
    service.clear()
    requests = [
        get(f"{path}{each.query or '?'}&n={number:04d}", *each.lines)
        for number, each in enumerate(every)
    ]
    await ask_all(made.gateway.port, requests)
    lines = "\n".join(head.split(b"\r\n")[0].decode("latin-1") for head in service.heads)
    found = (
        (each.kind, each.name, f"n={number:04d} " in lines) for number, each in enumerate(every)
    )
    return counted("tokens", found)
