"""Metrics, spans and the audit trail hear of each call once, however many attempts it took."""

import logging

from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.message import Response

log = logging.getLogger(__name__)


class Observers:
    """A step."""

    def __init__(self, inner: Step, tools: Tools) -> None:
        self._inner = inner
        self._tools = tools

    async def __call__(self, call: Call) -> Response:
        """Whatever the call becomes."""
        observers = self._tools.observers
        since = self._tools.steady()
        marks: list[object] = []
        for observer in observers:
            try:
                marks.append(observer.began(call))
            except Exception:  # who looks on may not spoil the call, nor what others see
                marks.append(None)
                _failed(call)
        fault: Exception | None = None
        try:
            return await self._inner(call)
        except Exception as exc:
            fault = exc
            raise
        except BaseException:
            fault = InterruptedError("the caller gave up")
            raise
        finally:
            took_s = self._tools.steady() - since
            for observer, mark in zip(observers, marks, strict=True):
                try:
                    observer.ended(call, mark, took_s, fault)
                except Exception:  # as above
                    _failed(call)


def _failed(call: Call) -> None:
    log.exception("observer failed", extra={"integration": call.connection.label})
