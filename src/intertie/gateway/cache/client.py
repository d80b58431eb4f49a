"""The cache as control sees it: purge, count, explain."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from intertie.drivers.unix import ask
from intertie.errors import GatewayError
from intertie.gateway.cache.why import Explanation, Question

_TIMEOUT_S: Final = 10.0
_STATS: Final = TypeAdapter(dict[str, int])


class CacheClient:
    """Calls of the management socket. Each raises GatewayError when the cache does not answer."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def purge_url(self, url: str, *, tenant: str | None = None) -> int:
        """`/path?query` of every host, or `http://host/path`; how many answers that were."""
        return await self._purge({"url": url, "tenant": tenant})

    async def purge_prefix(self, prefix: str, *, tenant: str | None = None) -> int:
        """All whose path begins so."""
        return await self._purge({"prefix": prefix, "tenant": tenant})

    async def purge_tag(self, tag: str, *, tenant: str | None = None) -> int:
        """All that carry it in Cache-Tag or Surrogate-Key."""
        return await self._purge({"tag": tag, "tenant": tenant})

    async def purge_all(self, *, tenant: str | None = None) -> int:
        """Everything."""
        return await self._purge({"everything": True, "tenant": tenant})

    async def purge_expired(self) -> int:
        """What is too stale to be of use."""
        return await self._purge({"expired": True})

    async def stats(self) -> dict[str, int]:
        """Counters since the start of the cache."""
        return _STATS.validate_json(await self._call("GET", "/stats", None))

    async def why(self, question: Question) -> Explanation:
        """What would happen to that request, and why."""
        told = await self._call("POST", "/why", question.model_dump())
        return Explanation.model_validate_json(told)

    async def _purge(self, wanted: dict[str, object]) -> int:
        return _STATS.validate_json(await self._call("POST", "/purge", wanted))["purged"]

    async def _call(self, method: str, path: str, body: object) -> bytes:
        try:
            answer = await ask(self._socket, path, method=method, body=body, timeout_s=_TIMEOUT_S)
        except OSError as exc:
            raise GatewayError(f"cannot reach the cache at {self._socket}: {exc}") from exc
        if not answer.is_good:
            raise GatewayError(f"cannot manage the cache: {answer.text}")
        return answer.content
