"""Health checks: each is a coroutine that gives None when healthy, else the reason."""

from collections.abc import Awaitable, Callable

from intertie.drivers import Driver, Launch
from intertie.runtime.checks.broker import broker
from intertie.runtime.checks.command import check_launch, command
from intertie.runtime.checks.file import file
from intertie.runtime.checks.http import HttpCheck
from intertie.runtime.checks.net import tcp
from intertie.runtime.checks.notify import NotifySocket
from intertie.suite.health import Probe

Check = Callable[[], Awaitable[str | None]]


def make_check(
    probe: Probe,
    *,
    port: int | None,
    driver: Driver,
    launch: Launch,
    notify: NotifySocket | None = None,
    liveness: bool = False,
) -> Check:
    """The check that `probe` declares, for a replica started from `launch`.

    `liveness` asks a notify check for the watchdog's messages, not for readiness. Raises
    ValueError when the port or the socket is missing, or a header cannot be sent.
    """
    if probe.test:
        beside = check_launch(launch, probe.test)
        return lambda: command(driver, beside)
    if probe.file:
        wanted = probe.file
        return lambda: file(launch.cwd, wanted)
    if probe.notify:
        if notify is None:
            raise ValueError("a notify check needs a socket")
        return notify.liveness(probe.timeout) if liveness else notify.readiness
    if port is None:
        raise ValueError("a check of the network needs a port")
    return _network_check(probe, port)


def _network_check(probe: Probe, port: int) -> Check:
    if probe.http is not None:
        return HttpCheck(port, probe.http, interval_s=probe.interval)
    if probe.grpc is not None:
        # Loaded when first declared: HTTP/2 takes longer to import than the rest of the daemon's
        # checks together.
        from intertie.runtime.checks.grpc import GrpcCheck  # noqa: PLC0415

        return GrpcCheck(port, probe.grpc, interval_s=probe.interval)
    if probe.broker is not None:
        kind = probe.broker
        return lambda: broker(port, kind)
    return lambda: tcp(port)
