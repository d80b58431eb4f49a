"""The kit as programs use it."""

import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from intertie.errors import BusError, IntertieError
from intertie.event import Payload
from intertie.runtime.ports import Ports
from intertie.service import Service
from tests.harness import bench
from tests.service.child import child
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "service-kit.md").read_text()
EXAMPLES = dict(re.findall(r"<!-- run: (\w+) -->\n```python\n(.*?)```", GUIDE, re.DOTALL))
HEAVY = ("starlette", "pydantic", "structlog", "prometheus_client", "opentelemetry", "uvicorn")


async def get(url: str) -> httpx.Response:
    """An answer."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url)


def test_importing_loads_nothing_heavy() -> None:
    """What a service does not use costs it nothing."""
    code = (
        "import sys; from intertie.service import Service; Service('x');"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_service_without_a_name_says_so() -> None:
    """Outside of a suite the program has to give one."""
    with pytest.raises(IntertieError, match="INTERTIE_SERVICE"):
        Service(environ={})


async def test_publishing_needs_a_running_service_and_a_bus() -> None:
    """Each is told by itself, at once."""
    service = Service("orders", logs=False, environ={})

    with pytest.raises(BusError, match="has not started"):
        await service.publish(Payload(), subject="x")


def test_handlers_need_a_bus() -> None:
    """Told before anything runs."""
    service = Service("orders", logs=False, environ={})

    class Placed(Payload):
        type = "order.placed"

    @service.subscribe(Placed)
    async def handle(_: Placed) -> None: ...

    with pytest.raises(BusError, match="INTERTIE_BUS_URL is not set"):
        service.run()


@pytest.mark.slow
async def test_the_guides_application_works(tmp_path: Path) -> None:
    """As it stands in the documentation."""
    with child(tmp_path, EXAMPLES["app"]) as program:
        await program.until_ready()
        assert program.status("/items/7") == 200
        found = (await get(f"http://127.0.0.1:{program.port}/metrics")).text
        assert 'endpoint="/items/{id}"' in found
        assert program.stop() == 0


@pytest.mark.slow
async def test_the_guides_worker_works(tmp_path: Path) -> None:
    """As it stands in the documentation."""
    with child(tmp_path, EXAMPLES["worker"]) as program:
        await program.until_ready()
        assert program.stop() == 0


@pytest.mark.slow
async def test_the_guides_other_parts_work(tmp_path: Path) -> None:
    """An order is published and handled, and a dependency that is away degrades the service."""
    code = EXAMPLES["more"].replace(
        "    if order.id < 0:",
        '    print(\'{"event": "mailed"}\', flush=True)\n    if order.id < 0:',
    )
    code += "\n\n@service.worker\nasync def drive() -> None:\n    await place(7)\n"
    code += "    await service.stopping.wait()\n\n\nservice.run()\n"
    stock = f"http://127.0.0.1:{Ports().take('stock')}"
    env = {"INTERTIE_BUS_URL": "memory://", "INTERTIE_URL_STOCK": stock}
    with child(tmp_path, code, env=env) as program:
        await program.until_ready()
        await eventually(lambda: program.says("mailed"))
        found = await get(f"http://127.0.0.1:{program.port}/health")
        assert (found.status_code, found.json()["status"]) == (200, "DEGRADED")
        assert found.json()["dependencies"]["bus"] == {"status": "UP"}
        assert program.stop() == 0


@pytest.mark.slow
async def test_the_example_suite_works(tmp_path: Path) -> None:
    """An order that came in over HTTP is mailed by the worker, in one trace over the bus."""
    with bench(tmp_path) as suite:
        for file in (ROOT / "examples" / "kit").iterdir():
            if file.is_file():
                text = file.read_text().replace("python3", sys.executable)
                suite.write(text, file.name)
        suite.ok("up", "--detach")
        port = suite.service("orders")["replicas"][0]["port"]
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        url = f"http://127.0.0.1:{port}/orders/7"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(url, headers={"traceparent": parent})
        log = suite.state / "logs" / "mailer" / "0.out.log"
        await eventually(lambda: "mail sent" in log.read_text(), 20)

    assert (answer.status_code, answer.json()) == (202, {"id": 7, "currency": "SEK"})
    assert parent[3:35] in log.read_text()
