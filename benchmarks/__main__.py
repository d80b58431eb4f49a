"""All benchmarks, one after the other: `python -m benchmarks`."""

from benchmarks import gateway, orchestrator

for benchmark in (gateway, orchestrator):
    benchmark.main()
