from pathlib import Path

import pytest

from intertie.runtime.component import Component, Health, Status
from tests.runtime.stage import staged


@pytest.mark.anyio
async def test_the_supervisor_is_a_component(tmp_path: Path) -> None:
    """It has one `run`, and answers for its health before, during and after."""
    async with staged(tmp_path) as stage:
        component: Component = stage.supervisor
        assert component.health() == Health(Status.UP)
    assert component.health().status is Status.DOWN
