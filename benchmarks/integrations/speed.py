"""Microseconds of a call, calls a second, a sweep of all probes, a neighbour that is down."""

from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio.lowlevel
import uvloop
from anyio import Event, create_task_group

from benchmarks.integrations.clients import CLIENTS, Call, connection, registry
from benchmarks.integrations.vendor import vendor
from benchmarks.table import Measures, interleave, report
from intertie.integrations.errors import IntegrationError

ROUNDS = 5
CALLS = 3000
AT_ONCE = 50
CONNECTIONS = 1000
_SWEEPS = 3
_TURNS = 100
_CALLS_A_TURN = 60


async def _measured(name: str, url: str) -> dict[str, float]:
    with TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            call = await CLIENTS[name](stack, url, Path(folder))
            await _times(call, 200)
            alone = await _times(call, CALLS)
            began = perf_counter()
            async with create_task_group() as group:
                for _ in range(AT_ONCE):
                    group.start_soon(_many, call, CALLS // AT_ONCE)
            rate = CALLS / (perf_counter() - began)
    return {"p50 us, one at a time": median(alone) * 1e6, f"calls/s, {AT_ONCE} at once": rate}


def _run(name: str, url: str) -> Measures:
    return uvloop.run(_measured(name, url))


async def _times(call: Call, count: int) -> list[float]:
    found = []
    for _ in range(count):
        began = perf_counter()
        await call()
        found.append(perf_counter() - began)
    return found


async def _many(call: Call, count: int) -> None:
    for _ in range(count):
        await call()


def calls(url: str) -> None:
    """Ours and raw clients, interleaved."""
    columns = interleave({name: partial(_run, name, url) for name in CLIENTS}, ROUNDS)
    report("integrations", columns, baseline="aiohttp")
    mine, raw = uvloop.run(_side_by_side(url))
    print(f"overhead over the raw client: {mine - raw:.0f} us on {raw:.0f} (bar: 40)")


async def _side_by_side(url: str) -> tuple[float, float]:
    """Microseconds of a call by us and by the raw client, in turns within one process."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        made = [await CLIENTS[name](stack, url, folder) for name in ("intertie", "aiohttp")]
        took: list[list[float]] = [[], []]
        for turn in range(_TURNS):
            for call, each in zip(made, took, strict=True):
                found = await _times(call, _CALLS_A_TURN)
                each.extend(found if turn else ())  # nobody is measured cold
    mine, raw = (median(each) * 1e6 for each in took)
    return mine, raw


async def _sweep(url: str) -> list[float]:
    made = registry()
    for number in range(CONNECTIONS):
        connection(made, url, f"c{number}")
    took = []
    for _ in range(_SWEEPS):
        began = perf_counter()
        found = await made.check_all()
        took.append(perf_counter() - began)
        if not all(each["healthy"] for each in found.values()):
            raise SystemExit("the vendor does not answer")
    await made.aclose()
    return took


async def _p99(url: str, *, down: bool) -> float:
    """Milliseconds of calls to one vendor, while another one fails or is well."""
    made = registry()
    good = connection(made, url, "good")
    told = {"retry_policy": {"max_attempts": 1}}
    bad = connection(made, f"{url}/down" if down else url, "bad", **told)
    stop = Event()

    async def hammer() -> None:
        while not stop.is_set():
            with suppress(IntegrationError):
                await bad.track(id="x")
            await anyio.lowlevel.checkpoint()

    async with create_task_group() as group:
        for _ in range(4):
            group.start_soon(hammer)
        await _times(partial(good.track, id="x"), 200)
        took = await _times(partial(good.track, id="x"), CALLS)
        stop.set()
    await made.aclose()
    return quantiles(took, n=100)[98] * 1000


def others(url: str) -> None:
    """A sweep of all, and a vendor that is down beside one that is not."""
    took = uvloop.run(_sweep(url))
    print(f"\nsweep of {CONNECTIONS:,} connections: {median(took):.2f} s (bar: 1)")
    pairs = [
        (uvloop.run(_p99(url, down=False)), uvloop.run(_p99(url, down=True))) for _ in range(ROUNDS)
    ]
    ratio = median(down / well for well, down in pairs)
    print(f"p99 beside a vendor that is down, to beside one that is well: {ratio:.2f} (bar: 1.05)")


def main() -> None:
    """Run and print."""
    with vendor() as url:
        calls(url)
        others(url)


if __name__ == "__main__":
    main()
