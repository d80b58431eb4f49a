from pathlib import Path

import pytest

from intertie.errors import GatewayError
from intertie.gateway.validate import validate
from intertie.runtime.engines import envoy_path

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_configuration_envoy_would_start_with_passes(tmp_path: Path) -> None:
    """An empty one is one."""
    await validate(envoy_path(), tmp_path, {})


async def test_a_fault_is_told_in_envoys_words(tmp_path: Path) -> None:
    """A misspelt field is found, and named without the brackets of a log line."""
    with pytest.raises(GatewayError, match=r"^cannot change the gateway: .*stattic_resources"):
        await validate(envoy_path(), tmp_path, {"stattic_resources": {}})


async def test_a_binary_that_does_not_run_is_told(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(GatewayError, match="gave no verdict"):
        await validate(tmp_path / "none", tmp_path, {})
