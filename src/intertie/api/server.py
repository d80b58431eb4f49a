"""The management API as a component: uvicorn on a socket that is bound before it is announced."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from anyio import CancelScope, Event, create_task_group, sleep_forever
from anyio.abc import TaskStatus
from starlette.types import ASGIApp

from intertie.api.live_socket_link import MAX_BYTES
from intertie.api.live_socket_protocol import protocol
from intertie.http_head import BoundedHttp
from intertie.runtime.component import Health, Status


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers, which are the daemon's, and without its ten ticks a second.

    The ticks only look for what `stop` tells, and date the answers.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopped = Event()

    def stop(self) -> None:
        """Finish what is under way, and end."""
        self.should_exit = True
        self._stopped.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self._stopped.wait()


class ApiServer:
    """Serves the application on `listener`, which it closes."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self._listener = listener
        self._server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                http=BoundedHttp,
                ws=protocol,
                ws_max_size=2 * MAX_BYTES,  # what is a little too large is told so in our words
                access_log=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=1,
            )
        )

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. The socket listens already, so it is ready as soon as it runs.

        When cancelled, requests under way get a second to finish.
        """
        async with create_task_group() as group:
            group.start_soon(self._serve)
            try:
                task_status.started()
                await sleep_forever()
            finally:
                self._server.stop()

    async def _serve(self) -> None:
        with CancelScope(shield=True):  # it ends by `should_exit`, and then closes the socket
            await self._server.serve(sockets=[self._listener])

    def health(self) -> Health:
        """See Component."""
        return Health(Status.UP if self._server.started else Status.DOWN)
