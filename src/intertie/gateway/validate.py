"""Has Envoy itself judge a whole configuration before any of it goes live."""

import json
from dataclasses import replace
from pathlib import Path

from anyio import fail_after, run_process, to_thread

from intertie.errors import GatewayError
from intertie.gateway.xds import Json, Resources

_VALIDATE_S = 30.0


def unjudged(judged: Resources | None, new: Resources) -> Resources:
    """What of `new` is to be judged when all of `judged` was good: without routes that were there.

    A route is good or not by itself, as long as its cluster stays; Envoy takes 200 ms for 1,000.
    When it is given the whole table, it looks at all of it once more.
    """
    if judged is None or not _names(judged) <= _names(new):
        return new
    known: dict[tuple[str, str], list[Json]] = {}
    for host in judged.routes[0]["virtual_hosts"]:
        for route in host["routes"]:
            known.setdefault((host["name"], route["name"]), []).append(route)
    table = new.routes[0]
    hosts = [
        {**host, "routes": [r for r in host["routes"] if r not in known.get(_key(host, r), ())]}
        for host in table["virtual_hosts"]
    ]
    return replace(new, routes=({**table, "virtual_hosts": hosts},))


def _names(resources: Resources) -> set[str]:
    return {each["name"] for each in resources.clusters}


def _key(host: Json, route: Json) -> tuple[str, str]:
    return (host["name"], route["name"])


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
