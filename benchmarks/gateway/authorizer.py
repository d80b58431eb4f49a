"""The authorizer as a program: `python -m benchmarks.gateway.authorizer FOLDER VALKEY_PORT`.

It knows the clients of `ours.keys()` by HMACs, as a key table does.
"""

import hmac
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import anyio

from benchmarks.gateway.ours import keys
from intertie.gateway.authz.run import serve
from intertie.gateway.authz.sources import Shown
from intertie.identity import keytext
from intertie.identity.principal import Principal
from intertie.suite.bus import QueueConfig, QueueType

_PEPPER = b"p" * 32


class Known:
    """See Sources."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[bytes, Principal]] = {}
        for text, principal in keys().items():
            parsed = keytext.parse(text)
            assert parsed is not None  # noqa: S101 - it was just made
            self._rows[parsed.id] = (_code(parsed.secret), principal)

    def key(self, text: str, address: str) -> Principal | str:
        """See Sources."""
        parsed = keytext.parse(text)
        found = self._rows.get(parsed.id) if parsed else None
        if parsed is None or found is None:
            return "unknown"
        return found[1] if hmac.compare_digest(found[0], _code(parsed.secret)) else "unknown"

    async def session(self, cookie: str) -> Principal | None:
        """See Sources."""
        return None

    def is_revoked(self, principal: Principal, token: Shown | None) -> bool:
        """See Sources."""
        return False

    def refuse_body(
        self, route: str, request: str, headers: Mapping[str, str], body: bytes
    ) -> str | None:
        """See Sources."""
        return None


def _code(secret: str) -> bytes:
    return hmac.digest(_PEPPER, secret.encode(), "sha256")


def main(folder: Path, engine: int) -> None:
    """Until it is ended."""
    queue = QueueConfig(QueueType.REDIS, host="127.0.0.1", port=engine)
    run = partial(
        serve,
        folder / "authz.json",
        folder / "authz.sock",
        sources=Known(),
        counter_engine=queue,
    )
    anyio.run(run, backend_options={"use_uvloop": True})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
