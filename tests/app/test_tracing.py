"""Tracing as a part of a suite that runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group

from intertie.app.tracing import SuiteTraces, traced_gateway, tracing_of
from intertie.monitor.span_address import Address
from intertie.monitor.spans import Wanted
from intertie.runtime.component import Status
from intertie.service.environment import read_environment
from intertie.service.spans import Recorder
from intertie.service.trace import Tracing as KitTracing
from intertie.suite.gateway import Gateway
from intertie.suite.gateway import Tracing as GatewayTracing
from intertie.suite.model import Suite as SuiteModel
from intertie.suite.monitoring import Monitoring
from intertie.suite.service import Service
from intertie.suite.tracing import Sampling, SuiteTracing
from intertie.trace_context import Tracer
from tests.monitor.trace_peer import peer
from tests.monitor.traced import protobuf, span
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
PROTOBUF = {"content-type": "application/x-protobuf"}
WHOLE = SuiteTracing(sampling=Sampling(rate=1))
PLAIN = SuiteModel(
    suite="s", services={"web": Service(command=("sleep", "1"), port=9)}, gateway=Gateway()
)


class Suite:
    """What it wants, which may change."""

    def __init__(self, wanted: SuiteTracing | None) -> None:
        self.wanted = wanted


def traces_of(suite: Suite, folder: Path) -> SuiteTraces:
    """Not yet running."""
    return SuiteTraces(folder, wanted=lambda: suite.wanted, resolve=lambda text: text)


@asynccontextmanager
async def running(it: SuiteTraces) -> AsyncIterator[SuiteTraces]:
    """Within the block."""
    async with create_task_group() as group:
        await group.start(it.run)
        try:
            yield it
        finally:
            group.cancel_scope.cancel()


async def test_a_service_sends_with_what_it_is_told(tmp_path: Path) -> None:
    """Told before anything runs; what it sends is kept over a restart, at the same address."""
    suite = Suite(WHOLE)
    it = traces_of(suite, tmp_path / "monitoring")
    it.listen(WHOLE)
    told = it.variables(WHOLE)
    async with running(it):
        await eventually(lambda: it.tracing is not None)
        environment = read_environment("orders", told)
        ours = KitTracing(environment)
        ours.recorder = Recorder(environment, told["OTEL_EXPORTER_OTLP_ENDPOINT"])
        with ours.within(ours.begin(), "whole", "SERVER", {}):
            pass
        await ours.stop()
    again = traces_of(suite, tmp_path / "monitoring")
    again.listen(WHOLE)
    async with running(again):
        await eventually(lambda: again.tracing is not None)
        assert again.tracing is not None
        (kept,) = await again.tracing.store.find(Wanted())

    assert (kept.service, kept.name) == ("orders", "whole")
    assert again.variables(WHOLE) == told


async def test_tracing_comes_and_goes_with_the_file(tmp_path: Path) -> None:
    """Without it nothing listens; where it has ended services are told to come later."""
    suite = Suite(None)
    it = traces_of(suite, tmp_path)
    it.listen(None)
    assert (it.address, it.variables(WHOLE)) == (None, {})
    async with running(it), httpx.AsyncClient(trust_env=False) as http:
        suite.wanted = WHOLE
        it.renew()
        await eventually(lambda: it.tracing is not None)
        assert it.address is not None
        url = f"{it.address.url}/v1/traces"
        headers = {**PROTOBUF, "authorization": f"Bearer {it.address.token}"}
        taken = await http.post(url, content=protobuf([span()]), headers=headers)
        suite.wanted = None
        it.renew()
        await eventually(lambda: it.tracing is None)
        refused = await http.post(url, content=protobuf([span()]), headers=headers)

    assert taken.status_code == 200
    assert refused.status_code == 503
    assert it.variables(None) == {}
    it.close()


async def test_another_collector_that_is_away_is_told(tmp_path: Path) -> None:
    """Until it is there; a store that cannot be opened is told, too."""
    with peer(*[503] * 3) as other:
        wanted = {"provider": "tempo", "endpoint": other.url}
        it = traces_of(Suite(SuiteTracing.model_validate(wanted)), tmp_path)
        async with running(it):
            await eventually(lambda: it.tracing is not None)
            assert it.tracing is not None
            assert it.health().status is Status.UP
            await it.tracing.take(protobuf([span()]), PROTOBUF["content-type"])
            await eventually(lambda: it.health().status is Status.DEGRADED)
            assert "it answers 503" in it.health().reason
            await eventually(lambda: it.health().status is Status.UP)
    (tmp_path / "bad" / "traces.db").mkdir(parents=True)
    broken = traces_of(Suite(WHOLE), tmp_path / "bad")
    async with running(broken):
        await eventually(lambda: broken.health().status is Status.DEGRADED)
        assert "cannot open the store of traces" in broken.health().reason


def test_the_gateway_sends_here_unless_its_file_says_otherwise() -> None:
    """As many as are wanted; the key is in nothing that is shown."""
    here = Address(9, "secret")
    traced = PLAIN.model_copy(update={"monitoring": Monitoring(tracing=SuiteTracing())})
    other = GatewayTracing(endpoint="http://other/")
    own = traced.model_copy(update={"gateway": Gateway(tracing=other)})

    found = traced_gateway(traced, here).gateway
    kept = traced_gateway(own, here).gateway

    assert found is not None
    assert found.tracing is not None
    assert found.tracing.endpoint == "http://127.0.0.1:9/v1/traces"
    assert (found.tracing.sampling, found.tracing.authorization) == (10.0, "Bearer secret")
    assert "secret" not in found.model_dump_json() + repr(found)
    assert kept is not None
    assert kept.tracing == other


def test_the_gateway_makes_no_spans_that_nobody_wants() -> None:
    """Without traces, without an address, or with a rate of 0."""
    none = PLAIN
    never = SuiteTracing(sampling=Sampling(rate=0))
    off = none.model_copy(update={"monitoring": Monitoring(tracing=never)})
    on = none.model_copy(update={"monitoring": Monitoring(tracing=SuiteTracing())})

    assert tracing_of(none) is None
    assert traced_gateway(none, Address(9, "t")) is none
    assert traced_gateway(off, Address(9, "t")) is off
    assert traced_gateway(on, None) is on


async def test_the_daemons_own_work_is_kept_while_the_suite_is_traced(tmp_path: Path) -> None:
    """At the suite's own rate; without tracing nothing is sampled and nothing kept."""
    suite, tracer = Suite(WHOLE), Tracer()
    it = SuiteTraces(
        tmp_path, wanted=lambda: suite.wanted, resolve=lambda text: text, tracer=tracer
    )
    it.listen(WHOLE)
    async with running(it):
        await eventually(lambda: tracer.keep is not None)
        with tracer.within(tracer.begin(), "change: restart"):
            pass
        await eventually(lambda: it.tracing is not None and it.tracing.taken == 1)
        assert it.tracing is not None
        (kept,) = await it.tracing.store.find(Wanted())
        suite.wanted = None
        it.renew()
        await eventually(lambda: it.tracing is None)

    assert (kept.service, kept.name) == ("intertie", "change: restart")
    assert (tracer.rate, tracer.keep) == (0.0, None)
    it.close()
