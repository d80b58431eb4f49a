"""One contestant in one round, in a process of its own: a Job comes in on stdin, figures go out."""

import cProfile
import json
import logging
import pstats
import sys
from contextlib import nullcontext
from functools import partial

import anyio
from pydantic import BaseModel

from benchmarks.bus.engines import ENGINES
from benchmarks.bus.work import Amount, measure
from intertie.suite.bus import QueueConfig

_SHOWN = 15


class Job(BaseModel):
    """Who does how much, and where."""

    engine: str
    contestant: str
    config: QueueConfig
    amount: Amount
    profile: bool = False


def main() -> None:
    """Do it."""
    logging.basicConfig(level=logging.ERROR)
    job = Job.model_validate_json(sys.stdin.read())
    profile = cProfile.Profile() if job.profile else None
    with profile or nullcontext():
        figures = anyio.run(partial(_work, job))
    if profile is not None:
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(_SHOWN)
    print(json.dumps(figures))


async def _work(job: Job) -> dict[str, float]:
    async with ENGINES[job.engine].connect(job.contestant, job.config) as contestant:
        return await measure(contestant, job.amount)


if __name__ == "__main__":
    main()
