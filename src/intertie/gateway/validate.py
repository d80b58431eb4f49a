"""Has Envoy itself judge a whole configuration before any of it goes live."""

import json
from pathlib import Path

from anyio import fail_after, run_process, to_thread

from intertie.errors import GatewayError
from intertie.gateway.envoy import Json

_VALIDATE_S = 30.0


async def validate(envoy: Path, folder: Path, configuration: Json) -> None:
    """Return when Envoy would start with it. Raises GatewayError with Envoy's reason.

    `configuration` must have nothing dynamic in it: Envoy does not read files in this mode.
    """
    path = folder / "validate.json"
    await to_thread.run_sync(path.write_text, json.dumps(configuration))
    command = [str(envoy), "--mode", "validate", "--config-path", path.name]
    try:
        with fail_after(_VALIDATE_S):
            done = await run_process(
                [*command, "--use-dynamic-base-id", "--log-level", "error"], cwd=folder, check=False
            )
    except (OSError, TimeoutError) as exc:
        raise GatewayError(f"cannot change the gateway: {envoy} gave no verdict: {exc}") from exc
    if done.returncode != 0:
        raise GatewayError(f"cannot change the gateway: {_reason(done.stderr)}")


def _reason(log: bytes) -> str:
    """What Envoy says last is why it refused; before the text stand brackets, time to source."""
    lines = [line for line in log.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].rpartition("] ")[2] if lines else "Envoy gave no reason"
