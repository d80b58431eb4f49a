"""Calls outside as spans."""

import pytest

from intertie.integrations.errors import AbsentError
from intertie.integrations.traced import Traced
from intertie.trace_context import Piece, Tracer
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer
from tests.w3c import PARENT, TRACE

pytestmark = pytest.mark.anyio


def traced() -> tuple[Stage, Tracer, list[Piece]]:
    """A stage that a tracer looks at."""
    kept: list[Piece] = []
    stage, tracer = Stage(), Tracer(0.0, kept.append)
    stage.tools.observers = (Traced(tracer),)
    return stage, tracer, kept


async def test_a_call_is_a_span_below_what_asked_for_it() -> None:
    """It tells whom and how; neither path nor query, which may hold secrets."""
    stage, tracer, kept = traced()
    with tracer.within(tracer.follow(PARENT), "asker") as asker:
        await stage.made(Shop, config=CONFIG).ping()

    call = kept[0]
    assert (call.kind, call.context.trace_text) == ("client", TRACE)
    assert call.context.parent == asker.context.span_id
    assert call.name.endswith(".ping")
    assert call.fields["http.method"] == "GET"
    assert str(call.fields["http.url"]).count("/") == 2
    assert call.fields["intertie.attempts"] == 1
    assert call.failed is None


async def test_a_call_that_fails_says_why() -> None:
    """In our own words."""
    stage, tracer, kept = traced()
    stage.vendor.answers = lambda request: answer({}, 404)
    with tracer.within(tracer.follow(PARENT), "asker"), pytest.raises(AbsentError) as caught:
        await stage.made(Shop, config=CONFIG).item(id="1")

    assert kept[0].failed == str(caught.value)


async def test_without_a_keeper_nothing_is_made() -> None:
    """Most calls cost nothing."""
    stage, tracer, kept = traced()
    tracer.keep = None
    with tracer.within(tracer.follow(PARENT), "asker"):
        await stage.made(Shop, config=CONFIG).ping()

    assert kept == []
