"""The test check: a command's exit code."""

from dataclasses import replace
from pathlib import Path

from anyio import CancelScope

from intertie.drivers import Driver, Launch
from intertie.errors import DriverError

_NULL = Path("/dev/null")


async def command(driver: Driver, launch: Launch) -> str | None:
    """Whether the command ends with exit code 0; nothing it started is left after."""
    try:
        instance = await driver.start(launch)
    except DriverError as exc:
        return str(exc)
    try:
        ended = await instance.wait()
    finally:
        with CancelScope(shield=True):  # a check that took too long is killed, not abandoned
            await instance.stop()
    if ended.ok:
        return None
    how = f"exit code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
    return f"{launch.argv[0]}: {how}"


def check_launch(launch: Launch, test: tuple[str, ...]) -> Launch:
    """`test` beside the service, in its environment, with Compose's prefixes understood."""
    match test:
        case ("CMD", *argv):
            pass
        case ("CMD-SHELL", *words):
            argv = ["/bin/sh", "-c", " ".join(words)]
        case _:
            argv = [*test]
    return replace(
        launch,
        # No service has this name: stopping one never takes the other along.
        service=f"{launch.service}:check",
        argv=tuple(argv),
        stdout=_NULL,
        stderr=_NULL,
        stop_grace_s=0.0,
        listen=(),
        terminal=None,
        limits=None,
    )
