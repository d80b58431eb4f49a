"""The management API as an application for a server of one's own: `uvicorn intertie.app:app`."""

from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from intertie.app.orchestrator import SuiteOrchestrator
from intertie.errors import IntertieError

if TYPE_CHECKING:
    from starlette.types import Message


class ManagementApp:
    """Runs the suite of the working directory for as long as the server lives.

    It is the same API that the suite itself serves on the address its file names.
    """

    def __init__(self) -> None:
        self._orchestrator: SuiteOrchestrator | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        await self._served()(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._orchestrator = SuiteOrchestrator()
            await self._orchestrator.open()
        except IntertieError as exc:
            failed: Message = {"type": "lifespan.startup.failed", "message": str(exc)}
            await send(failed)
            return
        try:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        finally:
            await self._orchestrator.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _served(self) -> ASGIApp:
        if self._orchestrator is None or self._orchestrator.asgi is None:
            raise IntertieError(
                "cannot serve the management API: its server ran no lifespan; with uvicorn, use"
                " `--lifespan on`"
            )
        return self._orchestrator.asgi


app = ManagementApp()
