"""The same cases for the gateway and for a bare Envoy: it must be no worse anywhere."""

from dataclasses import dataclass

from anyio import CapacityLimiter, create_task_group

from tests.gateway.conformance.http2_cases import Case, cases
from tests.gateway.conformance.http2_talk import Seen, talk

_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """What both did of one case."""

    case: Case
    ours: Seen
    bare: Seen

    @property
    def passes(self) -> bool:
        """Ours is as the RFC wants it."""
        return self.case.judge(self.ours)

    @property
    def bare_passes(self) -> bool:
        """So is bare Envoy."""
        return self.case.judge(self.bare)


async def compare(ours: int, bare: int) -> list[Verdict]:
    """Every case, at two ports."""
    found: dict[int, Verdict] = {}
    limiter = CapacityLimiter(_AT_ONCE)

    async def one(index: int, case: Case) -> None:
        async with limiter:
            mine = await talk(ours, *case.parts, start=case.start)
            other = await talk(bare, *case.parts, start=case.start)
            found[index] = Verdict(case, mine, other)

    async with create_task_group() as group:
        for index, case in enumerate(cases()):
            group.start_soon(one, index, case)
    return [found[index] for index in sorted(found)]
