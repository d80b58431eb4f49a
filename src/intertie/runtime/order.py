"""Doing something to many services, each after those it must wait for and beside all others."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from anyio import Event, create_task_group

from intertie.errors import ChangeError, IntertieError, NeedError
from intertie.plan import Step
from intertie.runtime.change import Progress
from intertie.suite.service import Service


async def in_order(
    after: Mapping[str, Collection[str]], work: Callable[[str], Awaitable[None]]
) -> None:
    """Do `work` for each key of `after`, once those named there (and being keys) are done."""
    done = {name: Event() for name in after}

    async def one(name: str) -> None:
        for other in after[name]:
            if other in done:
                await done[other].wait()
        await work(name)
        done[name].set()

    async with create_task_group() as group:
        for name in after:
            group.start_soon(one, name)


def needed_by(services: Mapping[str, Service]) -> dict[str, list[str]]:
    """For each service, those that name it in their `depends_on`."""
    found: dict[str, list[str]] = {name: [] for name in services}
    for name, spec in services.items():
        for other in spec.depends_on:
            found.setdefault(other, []).append(name)
    return found


def reached(starts: Iterable[str], edges: Callable[[str], Iterable[str]]) -> list[tuple[str, str]]:
    """Everything that can be reached, each once, with the name it was reached from."""
    open_ = list(starts)
    seen = set(open_)
    found: list[tuple[str, str]] = []
    while open_:
        name = open_.pop()
        new = [other for other in edges(name) if other not in seen]
        seen.update(new)
        open_ += new
        found += [(other, name) for other in new]
    return found


class Report:
    """Tells how the steps of an operation go, and keeps what failed for its end."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress or _nobody
        self.failed: dict[str, str] = {}
        """By service; in the order they failed."""
        self._roots: dict[str, str] = {}
        """Of services that failed only because another one did: that other one."""

    def root(self, name: str) -> str:
        """The service to look at when this one failed."""
        return self._roots.get(name, name)

    @contextmanager
    def step(self, step: Step) -> Iterator[None]:
        """Around the doing of a step: an IntertieError in it is its failure, and ends there."""
        self._progress(step, "doing")
        try:
            yield
        except NeedError as exc:
            self._roots[step.service] = exc.root
            self.failed[step.service] = str(exc)
            self._progress(step, "failed", str(exc))
        except IntertieError as exc:
            self.failed[step.service] = str(exc)
            self._progress(step, "failed", str(exc))
        else:
            self._progress(step, "done")

    def conclude(self) -> None:
        """Raises ChangeError with every failure, when there is one.

        Those that failed because of one of the others are only named.
        """
        waiting: dict[str, list[str]] = {}
        for name, root in self._roots.items():
            if root in self.failed:
                waiting.setdefault(root, []).append(name)
        told = {name for names in waiting.values() for name in names}
        lines = [why for name, why in self.failed.items() if name not in told]
        lines += [f"not started, as they need {r!r}: {', '.join(n)}" for r, n in waiting.items()]
        if lines:
            raise ChangeError("\n".join(lines))


def _nobody(step: Step, status: object, error: str | None = None) -> None:
    """Nobody wants to know."""
