"""Starts a service on restored data, to see whether it becomes healthy: what a drill needs."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from anyio import CancelScope, fail_after, sleep

from intertie.drivers import Driver
from intertie.errors import IntertieError
from intertie.runtime.checks import Check, make_check
from intertie.runtime.environment import Surroundings, make_launch
from intertie.runtime.ports import Ports
from intertie.suite.service import Service

log = logging.getLogger(__name__)

_AGAIN_S = 0.2
_LONGEST_S = 120.0


async def start_on(
    name: str,
    folder: Path,
    *,
    services: Callable[[], Mapping[str, Service]],
    driver: Driver,
    place: Surroundings,
) -> None:
    """Start the service with INTERTIE_DATA at that folder, wait until it is healthy, and end it.

    It has a port of its own and no other services are told to it. Raises IntertieError.
    """
    spec = services().get(name)
    if spec is None:
        raise IntertieError(f"cannot start {name!r} on restored data: there is no such service")
    ports = Ports()
    port = ports.take(name) if spec.port is not None else None
    launch = make_launch(
        name,
        0,
        spec,
        port=port,
        urls={},
        place=replace(place, data=folder, logs=folder.parent / "logs", bus={}),
    )
    # No service is called so: ending it leaves the one that runs as it is.
    launch = replace(launch, service=f"drill:{name}", listen=(), terminal=None)
    launch.stdout.parent.mkdir(parents=True, exist_ok=True)
    probes = spec.healthcheck.probes if spec.healthcheck else ()
    checks = [make_check(probe, port=port, driver=driver, launch=launch) for probe in probes]
    instance = await driver.start(launch)
    try:
        for check in checks:
            await _healthy(name, check)
    finally:
        with CancelScope(shield=True):  # bounded: the service's grace period, then SIGKILL
            await instance.stop()


async def _healthy(name: str, check: Check) -> None:
    why: str | None = "it was not asked"
    try:
        with fail_after(_LONGEST_S):
            while (why := await check()) is not None:  # noqa: ASYNC110 - no event comes
                await sleep(_AGAIN_S)
    except TimeoutError:
        raise IntertieError(
            f"cannot start {name!r} on restored data: not healthy after {_LONGEST_S:.0f} s: {why}"
        ) from None
