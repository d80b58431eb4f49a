"""`make bench-integrations`: all of it; FLAGS names parts."""

import sys

from benchmarks.integrations import limiter, size, speed, webhooks

PARTS = {"size": size.main, "speed": speed.main, "webhooks": webhooks.main, "limiter": limiter.main}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        print(f"\n# {name}")
        PARTS[name]()
