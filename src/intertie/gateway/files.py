"""Delivers resources to Envoy through files, and makes sure that Envoy took them.

Rules obeyed: a file is replaced by rename, in the order clusters, endpoints, filters, routes, so
that no route names a cluster Envoy does not know; each file is acknowledged before the next; what
goes, goes last; on a reject all files go back to what they were.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anyio import create_task_group, current_time, sleep, to_thread

from intertie.errors import GatewayError
from intertie.gateway.admin import Admin
from intertie.gateway.envoy import ENDPOINTS, JWT_FILTER, RESOURCES, ROUTE_CONFIG, Json, Resources
from intertie.gateway.listener import STAT_PREFIX

log = logging.getLogger(__name__)

_ACCEPT_S = 5.0
_POLL_FIRST_S = 0.001
_POLL_LAST_S = 0.05


@dataclass(frozen=True, slots=True)
class _File:
    """One dynamic file, and where Envoy tells what it made of it."""

    name: str
    resources: tuple[Json, ...]
    stat: str

    @property
    def version(self) -> str:
        return version(self.resources)

    @property
    def text(self) -> str:
        return json.dumps(
            {"version_info": self.version, "resources": self.resources}, sort_keys=True
        )


def version(resources: Sequence[Json]) -> str:
    """Hash of the content: the same resources always have the same version."""
    return sha256(json.dumps(list(resources), sort_keys=True).encode()).hexdigest()[:16]


class FileSink:
    """The dynamic files of the Envoy that runs, or will run, in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._admin = Admin(folder)
        self._live: Resources | None = None

    async def write(self, resources: Resources) -> str:
        """Write everything for an Envoy that is not running yet; the generation."""
        for name in (RESOURCES, ENDPOINTS):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        await to_thread.run_sync(self._put, _files(resources))
        self._live = resources
        return generation(resources)

    async def publish(self, resources: Resources) -> str:
        """Bring Envoy from what is live to `resources`; the generation.

        Returns once Envoy has accepted all of it; at once when Envoy does not run, since it will
        read the files when it starts. Raises GatewayError, with the files as before, on a reject.
        """
        before = self._live
        if before is None:
            return await self.write(resources)
        try:
            for step in _steps(before, resources):
                await self._deliver(step)
        except GatewayError:
            await to_thread.run_sync(self._put, _files(before))
            raise
        await to_thread.run_sync(self._remove_gone, before, resources)
        self._live = resources
        return generation(resources)

    async def _deliver(self, step: Sequence[_File]) -> None:
        rejected = await self._rejections(step)
        await to_thread.run_sync(self._put, step)
        if rejected is None:
            return
        async with create_task_group() as group:
            for file in step:
                group.start_soon(self._accepted, file, rejected)

    async def _accepted(self, file: _File, rejected: Mapping[str, int]) -> None:
        """Wait until Envoy tells our version. Raises GatewayError on a reject or no answer."""
        deadline = current_time() + _ACCEPT_S
        pause_s = _POLL_FIRST_S
        while current_time() < deadline:
            texts = await self._admin.texts(f"^{file.stat}.version_text$")
            if texts is None or texts.get(f"{file.stat}.version_text") == file.version:
                return
            counters = await self._rejections([file])
            if counters is not None and any(counters[k] > rejected.get(k, 0) for k in counters):
                raise GatewayError(f"cannot change the gateway: Envoy refused {file.name}.json")
            await sleep(pause_s)
            pause_s = min(pause_s * 2, _POLL_LAST_S)
        raise GatewayError(
            f"cannot change the gateway: Envoy did not take {file.name}.json in {_ACCEPT_S:.0f} s"
        )

    async def _rejections(self, files: Sequence[_File]) -> Mapping[str, int] | None:
        names = "|".join(file.stat for file in files)
        return await self._admin.counters(f"^({names}).update_rejected$")

    def _put(self, files: Sequence[_File]) -> None:
        for file in files:
            path = self._folder / f"{file.name}.json"
            # Written outside the watched folder: each rename in there makes Envoy read all again.
            part = self._folder / f"{path.name}.part"
            part.write_text(file.text)
            part.replace(path)

    def _remove_gone(self, before: Resources, after: Resources) -> None:
        kept = {each["cluster_name"] for each in after.endpoints}
        for each in before.endpoints:
            if each["cluster_name"] not in kept:
                (self._folder / ENDPOINTS / f"{each['cluster_name']}.json").unlink(missing_ok=True)


def generation(resources: Resources) -> str:
    """The name of a whole configuration."""
    return version([{file.name: file.version} for file in _files(resources)])


def _files(resources: Resources) -> list[_File]:
    return [
        *_endpoints(resources.endpoints),
        _clusters(resources.clusters),
        _File(f"{RESOURCES}/ecds", resources.filters, _FILTER_STAT),
        _routes(resources.routes),
    ]


_FILTER_STAT = f"extension_config_discovery.http_filter.{JWT_FILTER}"


def _clusters(clusters: Sequence[Json]) -> _File:
    return _File(f"{RESOURCES}/cds", tuple(clusters), "cluster_manager.cds")


def _routes(routes: Sequence[Json]) -> _File:
    return _File(f"{RESOURCES}/rds", tuple(routes), f"http.{STAT_PREFIX}.rds.{ROUTE_CONFIG}")


def _endpoints(assignments: Sequence[Json]) -> list[_File]:
    return [
        _File(f"{ENDPOINTS}/{each['cluster_name']}", (each,), f"cluster.{each['cluster_name']}")
        for each in assignments
    ]


def _steps(before: Resources, after: Resources) -> list[list[_File]]:
    """Files to write, in groups; each group must be accepted before the next is written."""
    both = _union(before.clusters, after.clusters)
    known = {each["name"] for each in before.clusters}
    # The endpoints of a new cluster must be there when the cluster is: Envoy reads them at once.
    added = [each for each in after.endpoints if each["cluster_name"] not in known]
    moved = [
        each
        for each in after.endpoints
        if each["cluster_name"] in known and each not in before.endpoints
    ]
    steps = [
        [*_endpoints(added), _clusters(both)] if both != before.clusters else [],
        _endpoints(moved),
        [_File(f"{RESOURCES}/ecds", after.filters, _FILTER_STAT)]
        if after.filters != before.filters
        else [],
        [_routes(after.routes)] if after.routes != before.routes else [],
        [_clusters(after.clusters)] if both != after.clusters else [],
    ]
    return [step for step in steps if step]


def _union(before: tuple[Json, ...], after: tuple[Json, ...]) -> tuple[Json, ...]:
    """The clusters of both, the new form of each, by name."""
    merged = {each["name"]: each for each in (*before, *after)}
    return tuple(merged[name] for name in sorted(merged))
