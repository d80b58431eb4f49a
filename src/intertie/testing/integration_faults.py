"""FaultLab: a transport that does to any connector what vendors and networks do to it.

    lab = FaultLab(transport, Storm(times=3, retry_after="2"), Truncated(odds=0.1), seed=7)
    registry = IntegrationRegistry(Tools(lab))

The same seed, faults and requests give the same faults again.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random
from time import time
from typing import Protocol, TypeVar

from anyio import sleep

from intertie.integrations.errors import VendorDownError, VendorTimeoutError
from intertie.integrations.message import Request, Response, Transport

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Storm:
    """Too many requests, it says."""

    times: int | None = 1
    odds: float = 1.0
    retry_after: str = "1"
    status: int = 429


@dataclass(frozen=True, slots=True)
class Burst:
    """It fails, without having done anything."""

    times: int | None = 1
    odds: float = 1.0
    status: int = 503


@dataclass(frozen=True, slots=True)
class Slow:
    """The body takes so long; what is longer than the request's timeout never comes."""

    times: int | None = 1
    odds: float = 1.0
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection breaks: before the vendor heard of it, or after it has done it."""

    times: int | None = 1
    odds: float = 1.0
    is_done: bool = True


@dataclass(frozen=True, slots=True)
class Truncated:
    """Half of the answer, and no sign that there was more."""

    times: int | None = 1
    odds: float = 1.0


@dataclass(frozen=True, slots=True)
class Foreign:
    """A page of somebody in between, with a status as if all were well."""

    times: int | None = 1
    odds: float = 1.0
    body: bytes = b"<html><body>Please log in to the wireless network</body></html>"
    content_type: str = "text/html"


@dataclass(frozen=True, slots=True)
class Expired:
    """The credentials that come first are not taken any more; others are."""

    times: int | None = None
    odds: float = 1.0
    header: str = "authorization"
    status: int = 401


@dataclass(frozen=True, slots=True)
class Skewed:
    """The vendor's clock is wrong by so much, and what it refuses may come back a while later."""

    times: int | None = 1
    odds: float = 1.0
    by_s: float = 3600.0
    after_s: float = 5.0


Fault = Storm | Burst | Slow | Reset | Truncated | Foreign | Expired | Skewed


class Clock(Protocol):
    """Seconds since 1970."""

    def __call__(self) -> float:
        """Now."""
        ...


@dataclass
class FaultLab:
    """A transport before another; of several faults the first that is due happens."""

    inner: Transport
    faults: Sequence[Fault]
    seed: int
    happened: list[str]
    """What became of each request: the name of a fault, or nothing."""
    reached: list[Request]
    """What the vendor got, and did."""
    _left: dict[int, int] = field(repr=False)
    _random: Random = field(repr=False)
    _clock: Clock = field(repr=False)
    _sleep: Callable[[float], Awaitable[None]] = field(repr=False)
    _stale: dict[int, str] = field(repr=False)

    def __init__(
        self,
        inner: Transport,
        *faults: Fault,
        seed: int = 0,
        clock: Clock = time,
        sleep: Callable[[float], Awaitable[None]] = sleep,
    ) -> None:
        self.inner, self.faults, self.seed = inner, faults, seed
        self.happened, self.reached = [], []
        self._left = {n: each.times for n, each in enumerate(faults) if each.times is not None}
        self._random = Random(seed)  # noqa: S311 - to be the same again
        self._clock, self._sleep, self._stale = clock, sleep, {}

    async def send(self, request: Request) -> Response:
        """See Transport."""
        number = self._due(request)
        if number is None:
            self.happened.append("")
            return await self._reach(request)
        fault = self.faults[number]
        self.happened.append(type(fault).__name__)
        return await self._happen(fault, request)

    async def aclose(self) -> None:
        """See Transport."""
        await self.inner.aclose()

    def _due(self, request: Request) -> int | None:
        for number, fault in enumerate(self.faults):
            if self._left.get(number, 1) <= 0 or self._random.random() >= fault.odds:
                continue
            if isinstance(fault, Expired) and not self._is_stale(number, fault, request):
                continue
            if number in self._left:
                self._left[number] -= 1
            return number
        return None

    def _is_stale(self, number: int, fault: Expired, request: Request) -> bool:
        shown = request.headers.get(fault.header, "")
        return self._stale.setdefault(number, shown) == shown

    async def _reach(self, request: Request) -> Response:
        self.reached.append(replace(request, headers=dict(request.headers)))
        return await self.inner.send(request)

    async def _happen(self, fault: Fault, request: Request) -> Response:
        match fault:
            case Storm():
                return Response(fault.status, {"retry-after": fault.retry_after})
            case Burst() | Expired():
                return Response(fault.status, {})
            case Skewed():
                return self._skewed(fault)
            case Slow():
                return await self._slow(fault, request)
            case Reset():
                if fault.is_done:
                    await self._reach(request)
                raise VendorDownError("cannot reach the vendor: the connection was reset")
            case Truncated():
                whole = await self._reach(request)
                return replace(whole, body=whole.body[: len(whole.body) // 2])
            case Foreign():
                return Response(200, {"content-type": fault.content_type}, fault.body)

    def _skewed(self, fault: Skewed) -> Response:
        theirs = self._clock() + fault.by_s
        dates = {"date": theirs, "retry-after": theirs + fault.after_s}
        return Response(429, {name: _dated(at) for name, at in dates.items()})

    async def _slow(self, fault: Slow, request: Request) -> Response:
        answer = await self._reach(request)
        await self._sleep(min(fault.seconds, request.timeout_s))
        if fault.seconds >= request.timeout_s:
            what = f"no answer within {request.timeout_s:g} s"
            raise VendorTimeoutError(f"cannot reach the vendor: {what}")
        return answer


def repeated(deliveries: Iterable[T], *, times: int = 2, seed: int = 0) -> list[T]:
    """Webhook deliveries as a vendor makes them that saw no answer: each so often, out of order.

    The first of each still come in their order.
    """
    random = Random(seed)  # noqa: S311 - to be the same again
    told: list[T] = []
    again: list[T] = []
    for each in deliveries:
        told.append(each)
        again += [each] * (times - 1)
        while again and random.random() < 0.5:
            told.append(again.pop(random.randrange(len(again))))
    random.shuffle(again)
    return told + again


def _dated(at_s: float) -> str:
    return format_datetime(datetime.fromtimestamp(at_s, UTC), usegmt=True)
