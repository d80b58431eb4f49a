"""Delivers resources to Envoy through files, and makes sure that Envoy took them.

Rules obeyed: a file is replaced by rename, in the order clusters and endpoints, filters, routes, so
that no route names a cluster Envoy does not know; each step is acknowledged before the next; what
goes, goes last; on a reject all files go back to what they were.
"""

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anyio import CancelScope, current_time, sleep, to_thread

from intertie.errors import GatewayError
from intertie.gateway import policy
from intertie.gateway.admin import Admin
from intertie.gateway.xds import (
    ENDPOINTS,
    RESOURCES,
    ROUTE_CONFIG,
    STAT_PREFIX,
    Json,
    Resources,
    filter_file,
)

log = logging.getLogger(__name__)

_ACCEPT_S = 5.0
_POLL_FIRST_S = 0.001
_POLL_LAST_S = 0.05


class FileSink:
    """The dynamic files of the Envoy that runs, or will run, in `folder`.

    One call at a time. `log_file` is where Envoy's standard error goes, to find its reasons.
    """

    def __init__(self, folder: Path, *, log_file: Path | None = None) -> None:
        self._folder = folder
        self._admin = Admin(folder)
        self._log = _Log(log_file)
        self._live: Resources | None = None
        """What the files hold; None when that has to be read."""

    async def publish(self, resources: Resources) -> str:
        """Bring Envoy from what the files hold to `resources`; the generation.

        Returns once Envoy has accepted all of it; at once when Envoy does not run, since it will
        read the files when it starts. Raises GatewayError, with the files as before, on a reject.
        """
        files = _files(resources)
        if self._live == resources:
            return _generation(files)
        before = self._live or await to_thread.run_sync(_read, self._folder)
        # Until Envoy has answered, and also when this is cancelled half-way.
        self._live = None
        refused = await self._refusals()
        log_position = self._log.end()
        try:
            for step in _steps(before, resources, files):
                await to_thread.run_sync(self._put, step)
                await self._accepted(step, refused)
            await self._accepted(files, refused)
        except _RefusedError as exc:
            reason = self._log.reason(log_position) or f"Envoy refused {exc}"
            await self._roll_back(before, resources)
            raise GatewayError(f"cannot change the gateway: {reason}") from exc
        await to_thread.run_sync(self._remove, before, resources)
        self._live = resources
        return _generation(files)

    async def _accepted(self, files: Sequence["_File"], refused: int | None) -> None:
        """Wait until Envoy tells our versions; return at once when it did not run before.

        Raises _RefusedError on a reject, GatewayError when there is no answer.
        """
        if refused is None:
            return
        deadline = current_time() + _ACCEPT_S
        pause_s = _POLL_FIRST_S
        while True:
            stats = await self._admin.stats(_pattern(file.stat for file in files))
            missing = [] if stats is None else [each for each in files if not each.is_taken(stats)]
            if not missing:
                return
            if _count_refusals(await self._admin.stats(_REFUSALS)) > refused:
                raise _RefusedError(missing[0].name)
            if current_time() > deadline:
                raise GatewayError(
                    f"cannot change the gateway: Envoy did not take {missing[0].name}.json in"
                    f" {_ACCEPT_S:.0f} s"
                )
            await sleep(pause_s)
            pause_s = min(pause_s * 2, _POLL_LAST_S)

    async def _refusals(self) -> int | None:
        """How many files Envoy refused since it started; None: no Envoy."""
        stats = await self._admin.stats(_REFUSALS)
        return None if stats is None else _count_refusals(stats)

    async def _roll_back(self, before: Resources | None, refused: Resources) -> None:
        if before is None:
            return
        with CancelScope(shield=True):
            # The other way round: routes may name clusters that go.
            for files in reversed(_files(before)):
                await to_thread.run_sync(self._put, [files])
            await to_thread.run_sync(self._remove, refused, before)
            try:
                await self._accepted(_files(before), await self._refusals())
            except (GatewayError, _RefusedError) as exc:
                log.error("gateway not rolled back", extra={"why": str(exc)})
            else:
                self._live = before

    def _put(self, files: Sequence["_File"]) -> None:
        for file in files:
            path = self._folder / f"{file.name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            # Written outside the watched folder: each rename in there makes Envoy read all again.
            part = self._folder / f"{path.name}.part"
            part.write_text(file.text)
            part.replace(path)

    def _remove(self, before: Resources | None, after: Resources) -> None:
        """Delete the files of clusters that are gone."""
        kept = {each["cluster_name"] for each in after.endpoints}
        for each in before.endpoints if before else ():
            if each["cluster_name"] not in kept:
                (self._folder / ENDPOINTS / f"{each['cluster_name']}.json").unlink(missing_ok=True)


def generation(resources: Resources) -> str:
    """The name of a whole configuration."""
    return _generation(_files(resources))


def _generation(files: Sequence["_File"]) -> str:
    return _version(_json([{file.name: file.version} for file in files]))


@dataclass(frozen=True, slots=True)
class _File:
    """One dynamic file, and where Envoy tells what it made of it."""

    name: str
    resources: str
    """A list, as JSON: written once, since there may be thousands."""
    version: str
    stat: str

    @property
    def text(self) -> str:
        return f'{{"version_info": "{self.version}", "resources": {self.resources}}}'

    def is_taken(self, stats: Mapping[str, str]) -> bool:
        return stats.get(f"{self.stat}.version_text") == self.version


class _RefusedError(Exception):
    """Envoy refused a file, whose name this is."""


class _Log:
    """What Envoy wrote to its standard error."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def end(self) -> int:
        return self._file.stat().st_size if self._file and self._file.exists() else 0

    def reason(self, since: int) -> str:
        """The first refusal it wrote since then; empty when there is none."""
        if self._file is None or not self._file.exists():
            return ""
        with self._file.open("rb") as stream:
            stream.seek(since)
            found = re.search(rb"config update rejected: (.+)", stream.read())
        return found[1].decode(errors="replace") if found else ""


_FILTER_STAT = "extension_config_discovery.http_filter"
_REFUSALS = r"\.update_(rejected|failure)$"


def _version(text: str) -> str:
    """Hash of the content: the same resources always have the same version."""
    return sha256(text.encode()).hexdigest()[:16]


def _json(parts: Sequence[Json]) -> str:
    return json.dumps(list(parts), sort_keys=True)


def _pattern(stats: Iterable[str]) -> str:
    return rf"^({'|'.join(map(re.escape, stats))})\.version_text$"


def _count_refusals(stats: Mapping[str, str] | None) -> int:
    return sum(map(int, stats.values())) if stats else 0


def _files(resources: Resources) -> list[_File]:
    return [
        *_endpoints(resources.endpoints),
        _clusters(resources.clusters),
        *_filters(resources.filters),
        _routes(resources.routes),
    ]


def _file(name: str, resources: Sequence[Json], stat: str) -> _File:
    text = _json(resources)
    return _File(name, text, _version(text), stat)


def _clusters(clusters: Sequence[Json]) -> _File:
    return _file(f"{RESOURCES}/cds", clusters, "cluster_manager.cds")


def _filters(filters: Sequence[Json]) -> list[_File]:
    """A file each: Envoy refuses more, and forgets what a filter counted when its file changes."""
    return [
        _file(f"{RESOURCES}/{filter_file(each['name'])}", [each], f"{_FILTER_STAT}.{each['name']}")
        for each in filters
    ]


def _routes(routes: Sequence[Json]) -> _File:
    return _file(f"{RESOURCES}/rds", routes, f"http.{STAT_PREFIX}.rds.{ROUTE_CONFIG}")


def _endpoints(assignments: Sequence[Json]) -> list[_File]:
    return [
        _file(f"{ENDPOINTS}/{each['cluster_name']}", [each], f"cluster.{each['cluster_name']}")
        for each in assignments
    ]


def _read(folder: Path) -> Resources | None:
    """What the files of an earlier run hold; None when they are not all there."""
    try:
        clusters = _resources_in(folder / RESOURCES / "cds.json")
        followed = (each["name"] for each in clusters if each["type"] == "EDS")
        files = (folder / ENDPOINTS / f"{name}.json" for name in followed)
        names = (each.name for each in policy.CHAIN if each.file is not None)
        filters = (folder / RESOURCES / f"{filter_file(name)}.json" for name in names)
        return Resources(
            clusters=clusters,
            endpoints=tuple(each for file in files for each in _resources_in(file)),
            filters=tuple(each for file in filters for each in _resources_in(file)),
            routes=_resources_in(folder / RESOURCES / "rds.json"),
        )
    except (OSError, ValueError, KeyError):
        return None


def _resources_in(file: Path) -> tuple[Json, ...]:
    return tuple(json.loads(file.read_text())["resources"])


def _steps(before: Resources | None, after: Resources, files: Sequence[_File]) -> list[list[_File]]:
    """Files to write, in groups; each group must be accepted before the next is written.

    `files` are those of `after`: to hash them takes long when there are many routes.
    """
    if before is None:
        return [list(files)]
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
        _filters([each for each in after.filters if each not in before.filters]),
        files[-1:] if after.routes != before.routes else [],
        [_clusters(after.clusters)] if both != after.clusters else [],
    ]
    return [list(step) for step in steps if step]


def _union(before: tuple[Json, ...], after: tuple[Json, ...]) -> tuple[Json, ...]:
    """The clusters of both, the new form of each, by name."""
    merged = {each["name"]: each for each in (*before, *after)}
    return tuple(merged[name] for name in sorted(merged))
