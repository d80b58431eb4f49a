"""`python -m benchmarks.orchestrator`."""

import sys

from benchmarks.orchestrator import main

sys.exit(main(sys.argv[1:]))
