"""The way of a call: each step is a wrapper around the next, and knows nothing of the others.

scopes → idempotency → observers → decode → retry → breakers → budget → credentials → egress →
meaning → transport. Arguments are checked before it and pages turned around it (`connector.py`).
A step that only looks at what goes out hands on what the next one gives, and waits for nothing.
"""

from collections.abc import Awaitable

from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.message import Response
from intertie.integrations.steps.breakers import Breakers
from intertie.integrations.steps.budget import Budget
from intertie.integrations.steps.credentials import Credentials
from intertie.integrations.steps.decode import Decode
from intertie.integrations.steps.egress import Egress
from intertie.integrations.steps.idempotency import Idempotency
from intertie.integrations.steps.meaning import Meaning
from intertie.integrations.steps.observers import Observers
from intertie.integrations.steps.retry import Retry
from intertie.integrations.steps.scopes import Scopes


def pipeline(tools: Tools) -> Step:
    """All steps of calls by HTTP, for all connections of a registry."""

    def carry(call: Call) -> Awaitable[Response]:
        assert call.request is not None  # noqa: S101 - made by `Credentials`
        return tools.transport.send(call.request)

    return around(Credentials(Egress(Meaning(carry, tools))), tools)


def around(carried: Step, tools: Tools) -> Step:
    """The steps that calls take whatever carries them."""
    step: Step = Breakers(Budget(carried, tools), tools)
    step = Observers(Decode(Retry(step, tools)), tools)
    return Scopes(Idempotency(step), tools)
