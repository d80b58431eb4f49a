"""All benchmarks, one after the other: `python -m benchmarks`."""

from benchmarks import orchestrator
from benchmarks.gateway import run

for benchmark in (run, orchestrator):
    benchmark.main()
