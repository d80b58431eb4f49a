"""The same call by us and by others: GET of one track, read into an object."""

import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import aiohttp
import httpx
from pydantic import TypeAdapter

from intertie.identity.audit import Audit
from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.credentials import Bearer
from intertie.integrations.data import Limits, Probe
from intertie.integrations.external_apis.spotify import Id, Track
from intertie.integrations.observe import Metrics
from intertie.integrations.operation import get
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.rest import RestIntegration, Settings
from intertie.integrations.traced import Traced
from intertie.integrations.trail import Trail
from intertie.integrations.transport import AiohttpTransport
from intertie.trace_context import Piece, Tracer

Call = Callable[[], Awaitable[object]]
_ID = "11dFghVXANMlKmJXsNCbNl"
_HEADERS = {"authorization": "Bearer token", "accept": "application/json"}
PLENTY = 1_000_000_000


class BenchSettings(Settings):
    """A token."""

    access_token: str = "token"  # noqa: S105 - of no vendor


class Bench(RestIntegration):
    """Tracks, with every step of the pipeline at work."""

    kind = "bench"
    docs = "https://example.com"
    base = "https://bench.example"
    settings_type = BenchSettings
    ways = (Bearer(),)
    limits = Limits(requests_per_minute=PLENTY, burst_limit=PLENTY)
    probe = Probe("track", arguments={"id": _ID})
    track = get("/tracks/{id}", Id, Track)


def registry(*observers: Any) -> IntegrationRegistry:
    """With our own transport."""
    return IntegrationRegistry(Tools(AiohttpTransport(), observers=tuple(observers)))


def connection(made: IntegrationRegistry, url: str, name: str = "main", **told: Any) -> Bench:
    """One to the vendor."""
    config = IntegrationConfig(name=name, config={"base_url": url}, **told)
    return cast("Bench", made.register(Bench, config))


async def ours(stack: AsyncExitStack, url: str, folder: Path) -> Call:
    """All of the pipeline, with metrics and audit, and a span of one call in ten."""
    audit = await stack.enter_async_context(Audit.open(folder / "audit.db"))
    kept: deque[Piece] = deque(maxlen=1000)
    made = registry(Metrics(), Trail(audit), Traced(Tracer(0.1, kept.append)))
    stack.push_async_callback(made.aclose)
    bench = connection(made, url)
    return lambda: bench.track(id=_ID)


async def raw_aiohttp(stack: AsyncExitStack, url: str, folder: Path) -> Call:
    """The client that our transport uses, and the same parsing."""
    session = await stack.enter_async_context(aiohttp.ClientSession(headers=_HEADERS))
    read = TypeAdapter(Track).validate_json
    timeout = aiohttp.ClientTimeout(total=30)

    async def call() -> object:
        async with session.get(f"{url}/tracks/{_ID}", timeout=timeout) as answer:
            return read(await answer.read())

    return call


async def raw_httpx(stack: AsyncExitStack, url: str, folder: Path) -> Call:
    """The client that most Python SDKs are made of."""
    client = await stack.enter_async_context(httpx.AsyncClient(headers=_HEADERS))

    async def call() -> object:
        return json.loads((await client.get(f"{url}/tracks/{_ID}")).content)

    return call


async def sdk_stripe(stack: AsyncExitStack, url: str, folder: Path) -> Call:
    """Stripe's own library, which waits for the answer: as many at once as one thread does."""
    import stripe  # noqa: PLC0415 - 100 ms

    client = stripe.StripeClient("sk_test_x", base_addresses={"api": url}, max_network_retries=0)

    async def call() -> object:
        return client.v1.balance.retrieve()

    return call


async def sdk_boto3(stack: AsyncExitStack, url: str, folder: Path) -> Call:
    """Amazon's own library, likewise."""
    import boto3  # noqa: PLC0415 - 140 ms

    client: Any = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106 - of nobody
    )
    stack.callback(client.close)

    async def call() -> object:
        return client.list_functions()

    return call


CLIENTS = {
    "intertie": ours,
    "aiohttp": raw_aiohttp,
    "httpx": raw_httpx,
    "stripe": sdk_stripe,
    "boto3": sdk_boto3,
}
