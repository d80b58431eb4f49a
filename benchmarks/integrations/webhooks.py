"""How quickly deliveries are verified, and how long vendors wait for their 202 at 500 a second."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio
from anyio import create_task_group, sleep_until

from intertie.identity.sealed import Sealer
from intertie.integrations.config import IntegrationConfig
from intertie.integrations.external_apis.stripe import StripeIntegration
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.vault import Vault
from intertie.integrations.webhooks import Delivery, StripeV1
from intertie.integrations.webhooks.ledger import SqliteLedger
from intertie.integrations.webhooks.receiver import Receiver
from intertie.store import open_records

SECRET = "whsec_bench"  # noqa: S105 - of nobody
RATE, SECONDS = 500, 10
VERIFIED = 50_000
_ACCEPTED = 202


def delivery(number: int) -> Delivery:
    """Signed now."""
    body = json.dumps({"id": f"evt_{number}", "type": "charge.succeeded", "data": "x" * 500})
    now = datetime.now(UTC)
    stamp = str(int(now.timestamp()))
    digest = hmac.new(SECRET.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"stripe-signature": [f"t={stamp},v1={digest}"]}
    return Delivery("POST", "https://a.example/", headers, body.encode(), now)


def verify() -> float:
    """Verifications a second."""
    scheme, one = StripeV1(), delivery(1)
    began = perf_counter()
    for _ in range(VERIFIED):
        scheme.verify(one, [SECRET], 300.0)
    return VERIFIED / (perf_counter() - began)


async def answers(folder: Path) -> list[float]:
    """Seconds until each was answered; sealed and durable by then."""
    took: list[float] = []
    async with open_records(f"sqlite://{folder}/records.db") as records:
        vault = await Vault.open(records, Sealer.open(folder / "master.json"))

        async def seal(tenant: str, name: str, payload: bytes) -> bytes:
            return (await vault.seal(tenant, name, payload, purpose="delivery")).encode()

        async with SqliteLedger.open(folder / "ledger.db", seal=seal, unseal=seal) as ledger:
            registry = IntegrationRegistry()
            told = {"api_key": "sk_test_x", "webhook_secret": SECRET}
            registry.register(StripeIntegration, IntegrationConfig(name="pay", config=told), "acme")
            receiver = Receiver(registry, ledger)

            async def one(number: int) -> None:
                sent = delivery(number)
                began = perf_counter()
                reply = await receiver.receive("acme", "pay", sent)
                took.append(perf_counter() - began)
                if reply.status != _ACCEPTED:
                    raise SystemExit(f"a delivery was answered {reply.status}")

            await one(0)
            took.clear()
            begin = anyio.current_time()
            async with create_task_group() as group:
                for number in range(1, RATE * SECONDS + 1):
                    await sleep_until(begin + number / RATE)
                    group.start_soon(one, number)
            await registry.aclose()
    return took


def main() -> None:
    """Run and print."""
    print(f"verified deliveries a second: {verify():,.0f} (bar: 20,000)")
    with TemporaryDirectory() as folder:
        took = anyio.run(answers, Path(folder), backend_options={"use_uvloop": True})
    cuts = quantiles(took, n=100)
    print(f"answer at {RATE}/s, sealed and durable, ms: p50 {cuts[49] * 1000:.2f}", end="")
    print(f", p99 {cuts[98] * 1000:.2f} (bar: 10)")


if __name__ == "__main__":
    main()
