"""Commands that run beside a service: at the moments of its life, and to ask it to stop."""

from collections.abc import Sequence
from dataclasses import replace

from anyio import CancelScope, move_on_after

from intertie.drivers import Driver, Launch
from intertie.errors import DriverError
from intertie.runtime.environment import expand
from intertie.suite.service import Hook


async def run_hooks(
    driver: Driver, moment: str, hooks: Sequence[Hook], launch: Launch
) -> str | None:
    """Run them one after the other in the service's environment; why the first that failed did."""
    for hook in hooks:
        why = await run_command(driver, moment, hook, launch)
        if why is not None:
            return why
    return None


async def run_command(driver: Driver, moment: str, hook: Hook, launch: Launch) -> str | None:
    """Run one command to its end; why it failed, or None. Nothing it started is left after."""
    beside = replace(
        launch,
        # No service has this name: stopping one never takes the other along.
        service=f"{launch.service}:{moment}",
        argv=tuple(expand(word, launch.env) for word in hook.command),
        stop_grace_s=0.0,
        listen=(),
        limits=None,
        terminal=None,
    )
    name = f"{moment} command {hook.command[0]!r}"
    try:
        instance = await driver.start(beside)
    except DriverError as exc:
        return f"{name}: {exc}"
    ended = None
    try:
        with move_on_after(hook.timeout):
            ended = await instance.wait()
    finally:
        with CancelScope(shield=True):
            await instance.stop()
    if ended is None:
        return f"{name} did not end within {hook.timeout:g} s"
    if ended.ok:
        return None
    how = f"exit code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
    return f"{name} ended with {how}"
