"""Metrics, spans and the audit trail hear of each call once, however many attempts it took."""

import logging

from intertie.integrations.call import Call, Observer, Step, Tools
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
        marks = [_began(each, call) for each in observers]
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
                except Exception:  # who looks on may not spoil the call, nor what others see
                    log.exception("observer failed", extra={"integration": call.connection.label})


def _began(observer: Observer, call: Call) -> object:
    try:
        return observer.began(call)
    except Exception:
        log.exception("observer failed", extra={"integration": call.connection.label})
        return None
