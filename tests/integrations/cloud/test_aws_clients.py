"""Clients of AWS: shared, few, and talking to AWS only."""

from collections.abc import Iterator
from typing import Any

import pytest
from anyio import to_thread

from intertie.integrations.cloud.aws import AWSIntegration
from intertie.integrations.cloud.aws_clients import Clients, Identity, Place, clients_of
from intertie.integrations.errors import EgressError
from tests.integrations.failing_aws import KEYS, Vendor, serving, staged
from tests.integrations.stage import Stage

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    """One that fails."""
    with serving() as made:
        yield made


async def test_who_was_not_asked_for_longest_is_closed_first() -> None:
    """Clients are kept up to a number."""
    clients, place = Clients(most=2), Place("eu-west-1")

    def clients_for(*names: str) -> list[Any]:
        return [clients.client("sqs", Identity(each, "s"), place) for each in names]

    first, second = await to_thread.run_sync(clients_for, "a", "b")
    await to_thread.run_sync(clients_for, "a", "c")
    again = await to_thread.run_sync(clients_for, "a", "b")
    await clients.aclose()

    assert again[0] is first
    assert again[1] is not second
    assert clients.made == 4


async def test_all_connections_share_one_session() -> None:
    """Those of one identity share their clients too; those of others do not."""
    stage = Stage()
    for tenant in ("a", "b", "c"):
        for name in ("one", "two"):
            keys = {**KEYS, "access_key_id": f"AKIA{tenant}"}
            made = stage.made(AWSIntegration, tenant, name=name, config=keys)
            assert f"AKIA{tenant}" in await made.presign("bucket", "key")
    clients = clients_of(stage.tools)

    assert (len(clients), clients.made, clients.sessions) == (3, 3, 1)
    await stage.registry.aclose()
    assert len(clients) == 0


async def test_nobody_but_aws_is_asked(vendor: Vendor) -> None:
    """An argument may name another host: the key would be shown to it."""
    clients = Clients()

    def ask() -> None:
        client = clients.client("sqs", Identity("a", "s"), Place("eu-west-1", None, 1.0))
        client.meta.events.register("before-sign", elsewhere)
        client.list_queues()

    def elsewhere(request: Any, **_: object) -> None:
        request.url = f"{vendor.url}/"

    with pytest.raises(EgressError, match=r"127\.0\.0\.1"):
        await to_thread.run_sync(ask)
    await clients.aclose()

    assert vendor.asked == []


async def test_the_machines_own_aws_settings_do_not_count(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither profile nor proxy nor address: a connection is what its config says."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    vendor.status, vendor.body = 200, b'{"TableNames": []}'

    async with staged(vendor.url) as (aws, _):
        assert await aws.call("dynamodb", "list_tables") == {"TableNames": []}
