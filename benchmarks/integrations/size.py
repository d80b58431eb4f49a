"""What connections weigh, and how quickly kinds are listed and first used."""

import subprocess
import sys
from statistics import median

CONNECTIONS = 1000
ROUNDS = 7
_MEMORY = f"""
import gc, tracemalloc
from benchmarks.integrations.clients import connection, registry
made = registry()
connection(made, "https://a.example", "first")
gc.collect()
tracemalloc.start()
for number in range({CONNECTIONS}):
    connection(made, "https://a.example", f"c{{number}}")
gc.collect()
print(tracemalloc.get_traced_memory()[0] / 1e6)
"""
_LIST = """
from time import perf_counter
import intertie.integrations.catalog as catalog
began = perf_counter()
catalog.kinds()
print((perf_counter() - began) * 1000)
"""
_FIRST = """
import intertie.integrations.rest, intertie.integrations.registry
from time import perf_counter
from intertie.integrations.catalog import load
began = perf_counter()
load("spotify")
print((perf_counter() - began) * 1000)
"""
_SDKS = """
import sys
import intertie.integrations
from intertie.integrations.catalog import kinds
kinds()
names = {"boto3", "botocore", "stripe", "twilio", "slack_sdk", "braintree", "aiohttp", "httpx"}
print(len(names & set(sys.modules)))
"""


def _run(text: str) -> float:
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """Run and print."""
    found = {
        f"{CONNECTIONS:,} registered connections, MB (bar: 3)": _MEMORY,
        "listing all kinds, ms (bar: 2)": _LIST,
        "first use of a REST kind, ms (bar: 10)": _FIRST,
        "clients and SDKs loaded by listing (bar: 0)": _SDKS,
    }
    for title, text in found.items():
        print(f"{title}: {median(_run(text) for _ in range(ROUNDS)):.2f}")


if __name__ == "__main__":
    main()
