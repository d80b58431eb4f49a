"""The guide "Integration Management System": its examples, with only the import root changed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Dict  # noqa: UP035 - as the guide spells it

import pytest

from intertie.integrations import (
    BaseIntegration,
    IntegrationConfig,
    IntegrationStatus,
    IntegrationType,
    get_integration,
    get_integration_registry,
    register_integration,
)
from intertie.integrations.cloud import AWSIntegration
from intertie.integrations.external_apis import SpotifyIntegration
from intertie.integrations.message import Request, Response
from tests.integrations.stage import Held, Played, answer

pytestmark = pytest.mark.anyio


def spotify_answers(request: Request) -> Response:
    """A search of 60 tracks, and one playlist."""
    if "/playlists" in request.url:
        return answer({"items": [{"id": "p", "name": "Mix"}], "total": 1})
    offset = int(request.url.partition("offset=")[2] or 0)
    items = [{"id": str(n), "name": f"rock {n}"} for n in range(offset, min(offset + 10, 60))]
    return answer({"tracks": {"items": items, "total": 60}})


@pytest.fixture
def vendor() -> Iterator[Played]:
    """The registry of this program is a new one, and reaches a vendor that the test plays."""
    get_integration_registry.cache_clear()
    tools = get_integration_registry().tools
    tools.transport = played = Played(spotify_answers)
    tools.grants = Held()
    yield played
    get_integration_registry.cache_clear()


async def test_quick_start(vendor: Played) -> None:
    """Register, enable all, get, search for 50 tracks, list playlists, look at the health."""
    config = IntegrationConfig(
        name="spotify_main",
        type=IntegrationType.EXTERNAL_API,
        enabled=True,
        config={
            "client_id": "your_spotify_client_id",
            "client_secret": "your_spotify_client_secret",
            "scope": "user-read-private user-read-email playlist-read-private",
        },
        timeout=30,
        retry_policy={"max_attempts": 3, "backoff_multiplier": 2.0},  # type: ignore[arg-type]
    )
    register_integration(SpotifyIntegration, config, tenant_id="tenant_123")
    registry = get_integration_registry()
    await registry.enable_all()

    spotify = get_integration("spotify_main")
    assert spotify and spotify.status == IntegrationStatus.HEALTHY  # noqa: PT018 - the guide's `if`
    tracks = await spotify.search_tracks("rock music", limit=50)
    playlists = await spotify.get_user_playlists("user_id")
    health_status = await spotify.health_check()

    assert [each.name for each in tracks] == [f"rock {n}" for n in range(50)]
    assert [each.name for each in playlists] == ["Mix"]
    assert health_status["healthy"] is True
    assert "your_spotify_client_secret" not in f"{spotify!r}{config!r}{registry!r}"


async def test_multi_cloud_setup(vendor: Played) -> None:
    """AWS with its region, keys and services; what is not among the services is refused."""
    aws_config = IntegrationConfig(
        name="aws_primary",
        type=IntegrationType.CLOUD_SERVICE,
        config={
            "region": "us-east-1",
            "access_key_id": "YOUR_ACCESS_KEY",
            "secret_access_key": "YOUR_SECRET_KEY",
            "services": ["s3", "lambda", "sqs", "sns"],
        },
    )

    register_integration(AWSIntegration, aws_config, "tenant_123")
    aws = get_integration("aws_primary")

    assert aws.tenant == "tenant_123"
    with pytest.raises(Exception, match="dynamodb"):
        await aws.call("dynamodb", "list_tables")


class CustomAPIIntegration(BaseIntegration):
    """Custom integration example."""

    async def initialize(self) -> bool:
        """Initialize your custom integration."""
        return True

    async def health_check(self) -> Dict[str, Any]:  # noqa: UP006
        """Implement health check."""
        return {
            "healthy": True,
            "response_time": 0.1,
            "timestamp": datetime.now().isoformat(),  # noqa: DTZ005 - the guide's own
        }

    async def cleanup(self) -> None:
        """Cleanup resources."""


async def test_custom_integration_development(vendor: Played) -> None:
    """A class of one's own needs nothing more."""
    made = register_integration(CustomAPIIntegration, IntegrationConfig(name="own"))
    registry = get_integration_registry()

    assert await registry.enable_all() == {"default/own": True}
    assert made.status is IntegrationStatus.HEALTHY
    await registry.aclose()
