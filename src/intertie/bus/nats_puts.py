"""Publishes on NATS that wait for the server to say it keeps them, many at a time on one inbox.

The client's own do the same with a subscription, a token and two timers for each message, and learn
nothing of a lost connection.
"""

import asyncio
import json
from itertools import count

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NoAnswerError
from nats.js.errors import APIError, NoStreamResponseError


class Puts:
    """Those of one connection."""

    def __init__(self, client: Client, timeout_s: float) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._inbox = ""
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def start(self) -> None:
        """Once the client is connected."""
        self._inbox = self._client.new_inbox()
        await self._client.subscribe(f"{self._inbox}.*", cb=self._arrived)

    async def put(self, subject: str, body: bytes, headers: dict[str, str]) -> None:
        """Return once a stream keeps it. Raises what the client raises."""
        loop = asyncio.get_running_loop()
        number = str(next(self._numbers))
        answer = self._waiting[number] = loop.create_future()
        late = loop.call_later(self._timeout_s, _fail, answer, NoAnswerError())
        try:
            await self._client.publish(subject, body, f"{self._inbox}.{number}", headers)
            await answer
        finally:
            late.cancel()
            del self._waiting[number]

    def fail(self, exc: Exception) -> None:
        """No answer will come any more."""
        for answer in self._waiting.values():
            _fail(answer, exc)

    async def _arrived(self, msg: Msg) -> None:
        answer = self._waiting.get(msg.subject.rpartition(".")[2])
        if answer is None or answer.done():
            return
        if not msg.data:  # a status: nobody listens to the subject
            answer.set_exception(NoStreamResponseError())
            return
        error = json.loads(msg.data).get("error")
        if error is None:
            answer.set_result(None)
            return
        try:
            APIError.from_error(error)
        except APIError as exc:
            answer.set_exception(exc)


def _fail(answer: asyncio.Future[None], exc: Exception) -> None:
    if not answer.done():
        answer.set_exception(exc)
