"""Traces: W3C context in and out, and who of them is recorded.

Most requests are not recorded. They get their ids, for the logs and for the next service, and
nothing else: no span is made for them.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

from intertie.service.environment import Environment
from intertie.trace_context import TraceContext, current, parse, received

if TYPE_CHECKING:
    from intertie.service.spans import Recorder, Span

Attributes = Mapping[str, str | int | float | bool]

__all__ = ["Attributes", "Trace", "Tracing", "current", "parse"]


class Trace(TraceContext):
    """Where we are in a trace: this process's span, recorded or not."""

    __slots__ = ("span",)

    def __init__(self, trace_id: int, span_id: int, sampled: bool) -> None:
        super().__init__(trace_id, span_id, sampled)
        self.span: Span | None = None


class Tracing:
    """Begins traces, and has those recorded that are sampled while there is a collector."""

    def __init__(self, environment: Environment) -> None:
        self._rate = environment.trace_sample
        self._random = Random()  # noqa: S311 - ids, not secrets
        # A forked child would otherwise give the ids that its parent gives.
        os.register_at_fork(after_in_child=self._random.seed)
        self.recorder: Recorder | None = None
        """Set at the start of the service when there is a collector."""

    def begin(self, headers: Iterable[tuple[bytes, bytes]] = ()) -> Trace:
        """The trace of a request: the caller's, or a new one."""
        parent, state = received(headers)
        if parent:
            trace = self.follow(parent)
            trace.state = state if trace.parent else ""
            return trace
        draw = self._random
        sampled = draw.random() < self._rate
        return Trace(draw.getrandbits(128) or 1, draw.getrandbits(64) or 1, sampled)

    def follow(self, traceparent: str | None) -> Trace:
        """The trace that goes on here; a new one when that is not one."""
        found = parse(traceparent) if traceparent else None
        if found is None:
            return self.begin()
        trace = Trace(found[0], self._random.getrandbits(64) or 1, found[2])
        trace.parent = found[1]
        return trace

    @contextmanager
    def within(self, trace: Trace, name: str, kind: str, fields: Attributes) -> Iterator[Trace]:
        """Make it the current one for a block, recorded with what the block raises."""
        recorder = self.recorder if trace.sampled else None
        scope = recorder.begin(trace, name, kind, fields) if recorder else None
        token = current.set(trace)
        try:
            yield trace
        except Exception as exc:
            if recorder:
                recorder.fail(trace, exc)
            raise
        finally:
            current.reset(token)
            if recorder and scope:
                recorder.end(trace)
                recorder.leave(scope)

    def child(self) -> Trace:
        """A part of the current trace; a new trace when there is none."""
        above = current.get()
        return self.begin() if above is None else self._below(above)

    def _below(self, above: TraceContext) -> Trace:
        trace = Trace(above.trace_id, self._random.getrandbits(64) or 1, above.sampled)
        trace.parent, trace.state = above.span_id, above.state
        return trace

    async def stop(self) -> None:
        """Send what waits, within a bound."""
        recorder, self.recorder = self.recorder, None
        if recorder:
            await recorder.stop()
