"""Talks to a running Envoy through its admin socket."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from intertie.drivers.unix import ask
from intertie.errors import GatewayError
from intertie.gateway.xds import ADMIN_SOCKET

_PATIENCE_S = 5.0


class Admin:
    """The admin interface of the Envoy that runs in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def stats(self, pattern: str) -> Mapping[str, str] | None:
        """Counters, gauges and texts whose name matches a regular expression; None: no Envoy.

        Raises GatewayError where one is there and does not answer.
        """
        try:
            text = await self._ask("GET", "/stats", {"filter": pattern})
        except TimeoutError as exc:
            why = f"it did not answer in {_PATIENCE_S:.0f} s"
            raise GatewayError(f"cannot ask Envoy: {why}") from exc
        if text is None:
            return None
        pairs = (line.partition(": ") for line in text.splitlines())
        return {name: value.strip('"') for name, _, value in pairs}

    async def exposition(self, pattern: str) -> str | None:
        """What was counted so far, in Prometheus' text format; None: no Envoy that answers.

        Only statistics whose name, as Envoy has it, matches the regular expression.
        """
        with suppress(TimeoutError):
            return await self._ask("GET", "/stats/prometheus", {"filter": pattern})
        return None

    async def stop_listening(self) -> None:
        """Take no new connection; those that are there go on. No Envoy is no fault."""
        with suppress(TimeoutError):
            await self._ask("POST", "/drain_listeners", {})

    async def _ask(self, method: str, path: str, query: Mapping[str, str]) -> str | None:
        socket = self._folder / ADMIN_SOCKET
        try:
            answer = await ask(socket, path, method=method, query=query, timeout_s=_PATIENCE_S)
        except TimeoutError:  # which is an OSError, too
            raise
        except OSError:
            return None
        return answer.text
