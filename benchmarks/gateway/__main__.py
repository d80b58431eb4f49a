"""`python -m benchmarks.gateway [--quick] [--only NAME]`: see `run`."""

from benchmarks.gateway.run import main

main()
