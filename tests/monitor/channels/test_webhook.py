import hashlib
import hmac
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import fail_after, sleep

from intertie.monitor.channels.webhook import (
    Webhook,
    body,
    fingerprint,
    idempotency_key,
    signature,
)
from intertie.suite.monitoring import WebhookChannel
from tests.monitor.channels.contract import ChannelContract, Stage
from tests.monitor.channels.stage import (
    AT,
    HOSTILE,
    SECRET,
    message,
    nobody,
    recording,
    told,
    vault,
)
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
ALERTMANAGER = "prometheus-alertmanager"


class TestWebhook(ChannelContract):
    @pytest.fixture
    def stage(self) -> Iterator[Stage]:
        """A channel and its other side."""
        with recording() as recorder:
            secrets = vault(mine=SECRET, place=recorder.url)
            config = WebhookChannel(
                kind="webhook", url="${secret:place}/hook", secret="${secret:mine}"
            )

            def refuse() -> None:
                recorder.status, recorder.said = 401, f"wrong: {SECRET}".encode()

            def leave() -> None:
                secrets.secrets["place"] = f"http://127.0.0.1:{nobody()}"

            yield Stage(
                channel=Webhook("night", config, resolve=secrets, now=lambda: AT),
                vault=secrets,
                arrived=lambda: "".join(request.body.decode() for request in recorder.requests),
                refuse=refuse,
                leave=leave,
            )

    def harmless(self, arrived: str) -> None:
        """As `ChannelContract`."""
        got = json.loads(arrived)
        assert got["title"] == HOSTILE
        assert got["alerts"][0]["labels"]["path"] == HOSTILE


def test_it_is_the_format_of_alertmanager() -> None:
    """Its fields, and ours beside them."""
    ended = told(instance="b")
    ended = type(ended)(ended.labels, {"summary": "Too many errors"}, AT - timedelta(hours=1), AT)
    got = json.loads(body(message(alerts=(told(instance="a"), ended)), receiver="night"))

    assert got["version"] == "4"
    assert (got["status"], got["receiver"]) == ("firing", "night")
    assert got["groupLabels"] == {"alertname": "HighErrorRate"}
    assert got["commonLabels"] == {
        "alertname": "HighErrorRate",
        "service": "shop",
        "severity": "critical",
    }
    assert got["commonAnnotations"] == {"summary": "Too many errors"}
    assert got["externalURL"] == "https://intertie.example.org/alerts/1"
    first, second = got["alerts"]
    assert (first["status"], first["endsAt"]) == ("firing", "0001-01-01T00:00:00Z")
    assert first["startsAt"] == "2026-10-01T11:48:00Z"
    assert first["value"] == 0.0731412
    assert (second["status"], second["endsAt"]) == ("resolved", "2026-10-01T12:00:00Z")
    assert second["value"] is None


def test_an_end_is_told_as_one() -> None:
    """The whole message is `resolved`."""
    assert json.loads(body(message(kind="resolved"), receiver="x"))["status"] == "resolved"


def test_a_message_without_alerts_is_one_too() -> None:
    """As of a task that failed."""
    got = json.loads(body(message(kind="task", alerts=(), group=()), receiver="x"))

    assert (got["alerts"], got["commonLabels"]) == ([], {})
    assert got["title"] == "Shop is failing"


def test_a_value_that_json_lacks_is_none() -> None:
    """NaN would make it no JSON at all."""
    alert = told()
    odd = type(alert)(alert.labels, alert.annotations, AT, value=float("nan"))

    assert json.loads(body(message(alerts=(odd,)), receiver="x"))["alerts"][0]["value"] is None


async def test_whoever_has_the_secret_can_check_who_sent_it() -> None:
    """The signature is over the moment and the body as it came."""
    with recording() as recorder:
        config = WebhookChannel(kind="webhook", url=f"{recorder.url}/x", secret="${secret:key}")
        hook = Webhook("night", config, resolve=vault(key="tops3cret"), now=lambda: AT)
        await hook.send(message())
    (got,) = recorder.requests

    seconds, given = got.headers["X-Intertie-Signature"].split(",")
    text = seconds.removeprefix("t=").encode() + b"." + got.body
    assert seconds == f"t={int(AT.timestamp())}"
    assert given == "v1=" + hmac.new(b"tops3cret", text, hashlib.sha256).hexdigest()
    assert got.headers["Idempotency-Key"] == "notice-1"
    assert got.headers["Content-Type"] == "application/json"


async def test_without_a_secret_nothing_is_signed() -> None:
    """There is no header."""
    with recording() as recorder:
        config = WebhookChannel(kind="webhook", url=recorder.url)
        await Webhook("night", config, resolve=vault(), now=lambda: AT).send(message())

    assert "X-Intertie-Signature" not in recorder.requests[0].headers


def test_a_signature_depends_on_moment_body_and_secret() -> None:
    """On each of them."""
    later = AT + timedelta(seconds=1)
    all_of_them = {
        signature(b"a", "s", at=AT),
        signature(b"a", "s", at=later),
        signature(b"b", "s", at=AT),
        signature(b"a", "t", at=AT),
    }
    assert len(all_of_them) == 4


def test_a_key_that_no_header_carries_is_hashed() -> None:
    """It stays one key: the same for the same."""
    assert idempotency_key("group/1:firing") == "group/1:firing"
    assert idempotency_key("a\r\nb") == idempotency_key("a\r\nb")
    assert idempotency_key("a\r\nb").isalnum()
    assert idempotency_key("\ud800") != idempotency_key("\ud801")


def test_no_labels_have_the_start_of_the_hash() -> None:
    """The constant of FNV-1a."""
    assert fingerprint({}) == "cbf29ce484222325"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which(ALERTMANAGER) is None, reason="needs Alertmanager")
async def test_alertmanager_itself_sends_the_same(tmp_path: Path) -> None:
    """The same fields with the same values for the same alert, and some of ours beside them."""
    alert = told(odd='Grüße "\\\n', other="€")
    with recording() as recorder, alertmanager(tmp_path, recorder.url) as url:
        await told_to(url, alert_of(alert))
        await eventually(lambda: bool(recorder.requests))
    theirs = json.loads(recorder.requests[0].body)
    ours = json.loads(body(message(alerts=(alert,)), receiver="night"))

    (their_alert,), (our_alert,) = theirs.pop("alerts"), ours.pop("alerts")
    for anew in ("externalURL", "groupKey"):
        assert isinstance(theirs.pop(anew), str)
        assert isinstance(ours.pop(anew), str)
    assert their_alert == {name: our_alert[name] for name in their_alert}
    assert theirs == {name: ours[name] for name in theirs}


def alert_of(alert: Any) -> dict[str, object]:
    """As Prometheus tells it to Alertmanager."""
    return {
        "labels": alert.labels,
        "annotations": alert.annotations,
        "startsAt": alert.starts_at.isoformat(),
    }


async def told_to(url: str, alert: dict[str, object]) -> None:
    """Once it listens."""
    async with httpx.AsyncClient(trust_env=False) as client:
        with fail_after(30):
            while True:
                try:
                    answer = await client.post(f"{url}/api/v2/alerts", json=[alert])
                except httpx.TransportError:
                    await sleep(0.02)  # another process gives no event
                    continue
                break
    assert answer.status_code == 200


@contextmanager
def alertmanager(folder: Path, told_url: str) -> Iterator[str]:
    """One that tells `told_url`, gone afterwards."""
    route = {"receiver": "night", "group_by": ["alertname"], "group_wait": "0s"}
    receiver = {"name": "night", "webhook_configs": [{"url": told_url}]}
    config = folder / "alertmanager.yml"
    config.write_text(json.dumps({"route": route, "receivers": [receiver]}))
    port = nobody()
    command = [
        ALERTMANAGER,
        f"--config.file={config}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)
