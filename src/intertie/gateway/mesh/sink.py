"""Delivers a sidecar's resources through files, and makes sure that Envoy took them.

The rules are those of the gateway's files: replaced by rename, each step acknowledged before the
next, what goes, goes last; on a reject all files go back to what they were.
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anyio import CancelScope, current_time, sleep, to_thread

from intertie.errors import GatewayError
from intertie.gateway.admin import Admin
from intertie.gateway.mesh import secrets
from intertie.gateway.mesh.envoy import Resources
from intertie.gateway.xds import ENDPOINTS, RESOURCES, Json

log = logging.getLogger(__name__)

_ACCEPT_S = 5.0
_POLL_FIRST_S = 0.001
_POLL_LAST_S = 0.05
_REFUSALS = r"\.update_(rejected|failure)$"


class Sink:
    """The dynamic files of the sidecar that runs, or will run, in `folder`. One call at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._admin = Admin(folder)
        self._live: Resources | None = None
        """What the files hold; None when that has to be read."""

    async def publish(self, resources: Resources) -> None:
        """Bring Envoy to `resources`; at once when it does not run: it reads them at its start.

        Raises GatewayError, with the files as before, on a reject.
        """
        if self._live == resources:
            return
        self._live = None
        before = await to_thread.run_sync(_texts, self._folder)
        refused = await self._refusals()
        try:
            for step in _steps(before, resources):
                await to_thread.run_sync(self._put, step)
                await self._accepted({file.stat: file.version for file in step}, refused)
        except GatewayError:
            await self._roll_back(before)
            raise
        self._live = resources

    async def renew(self, given: Mapping[str, Json]) -> None:
        """Give Envoy these secrets; return once it uses them, at once when it does not run.

        Raises GatewayError when it does not take them: it goes on with those it has.
        """
        refused = await self._refusals()
        await to_thread.run_sync(secrets.put, self._folder, given)
        await self._accepted(
            {f"sds.{name}": secrets.version(given[name]) for name in given}, refused
        )

    async def _accepted(self, versions: Mapping[str, str], refused: int | None) -> None:
        """Wait until Envoy tells these versions; return at once when it did not run before."""
        if refused is None:
            return
        pattern = rf"^({'|'.join(map(re.escape, versions))})\.version_text$"
        deadline = current_time() + _ACCEPT_S
        pause_s = _POLL_FIRST_S
        while True:
            stats = await self._admin.stats(pattern)
            missing = [] if stats is None else _missing(versions, stats)
            if not missing:
                return
            now_refused = await self._refusals()
            if (now_refused or 0) > refused or current_time() > deadline:
                raise GatewayError(
                    f"cannot change the sidecar in {self._folder}: Envoy did not take"
                    f" {', '.join(missing)}; its log says why"
                )
            await sleep(pause_s)
            pause_s = min(pause_s * 2, _POLL_LAST_S)

    async def _refusals(self) -> int | None:
        stats = await self._admin.stats(_REFUSALS)
        return None if stats is None else sum(map(int, stats.values()))

    async def _roll_back(self, before: Mapping[str, str]) -> None:
        """The other way round than it was written: routes may name clusters that go."""
        with CancelScope(shield=True):
            for path in reversed(_ORDER):
                if path in before:
                    await to_thread.run_sync(self._write, path, before[path])

    def _put(self, files: Sequence["_File"]) -> None:
        for file in files:
            self._write(file.path, file.text)

    def _write(self, path: str, text: str) -> None:
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written outside the watched folder: each rename in there makes Envoy read all again.
        part = self._folder / f"{target.name}.part"
        part.write_text(text)
        part.replace(target)


@dataclass(frozen=True, slots=True)
class _File:
    """One dynamic file, and where Envoy tells what it made of it."""

    path: str
    resources: Sequence[Json]
    stat: str

    @property
    def version(self) -> str:
        """The same resources always have the same version."""
        return sha256(json.dumps(list(self.resources), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def text(self) -> str:
        return json.dumps(
            {"version_info": self.version, "resources": list(self.resources)}, sort_keys=True
        )


_CLUSTERS = f"{RESOURCES}/cds.json"
_LISTENERS = f"{RESOURCES}/lds.json"
_APP = f"{ENDPOINTS}/app.json"
_ROUTES = {name: f"{RESOURCES}/rds.{name}.json" for name in ("inbound", "names")}
_ORDER = (_APP, _CLUSTERS, *_ROUTES.values(), _LISTENERS)


def _texts(folder: Path) -> dict[str, str]:
    paths = {path: folder / path for path in _ORDER}
    return {path: file.read_text() for path, file in paths.items() if file.exists()}


def _missing(versions: Mapping[str, str], stats: Mapping[str, str]) -> list[str]:
    return [stat for stat in versions if stats.get(f"{stat}.version_text") != versions[stat]]


def _steps(before: Mapping[str, str], after: Resources) -> list[list[_File]]:
    """Files to write, in groups; each group must be accepted before the next is written."""
    known = _resources_in(before.get(_CLUSTERS))
    both = {each["name"]: each for each in (*known, *after.clusters)}
    clusters = _File(_CLUSTERS, after.clusters, "cluster_manager.cds")
    union = _File(_CLUSTERS, [both[name] for name in sorted(both)], clusters.stat)
    endpoints = [_File(_APP, [each], "cluster.app") for each in after.endpoints]
    routes = [
        _File(_ROUTES[each["name"]], [each], f"http.{each['name']}.rds.{each['name']}")
        for each in after.routes
    ]
    listeners = _File(_LISTENERS, after.listeners, "listener_manager.lds")
    steps = [[*endpoints, union], [*routes, listeners], [clusters]]
    return [step for step in steps if any(before.get(file.path) != file.text for file in step)]


def _resources_in(text: str | None) -> list[Json]:
    if text is None:
        return []
    try:
        found: list[Json] = json.loads(text)["resources"]
    except (ValueError, KeyError):
        return []
    return found
