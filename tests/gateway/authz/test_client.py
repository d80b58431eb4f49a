"""Whether the authorizer has taken new rules, as the controller finds out."""

from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.gateway.authz.client import has_taken
from intertie.gateway.authz.server import AuthzServer
from intertie.gateway.authz.settings import digest
from intertie.limits.memory import MemoryCounters
from tests.gateway.authz.asking import authorizer, settings

pytestmark = pytest.mark.anyio


async def test_it_is_waited_for_until_it_has_the_rules(tmp_path: Path) -> None:
    """Not longer than is said, and not at all where nobody answers."""
    path = tmp_path / "a.sock"
    made, new = authorizer(routes={"a": {}}), settings(routes={"b": {}})
    away = await has_taken(path, digest(new))
    async with create_task_group() as group:
        await group.start(AuthzServer(made, MemoryCounters(), path=path).run)
        old = await has_taken(path, digest(settings(routes={"a": {}})))
        late = await has_taken(path, digest(new), within_s=0.05)
        group.start_soon(_later, made.use, new)
        taken = await has_taken(path, digest(new))
        group.cancel_scope.cancel()

    assert (away, old, late, taken) == (True, True, False, True)


async def _later(use: object, new: object) -> None:
    assert callable(use)
    use(new)
