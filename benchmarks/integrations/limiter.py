"""What several processes send of what they may: never more, and nearly all of it."""

import sys
import tempfile
from pathlib import Path
from subprocess import PIPE, Popen
from time import monotonic, time

import anyio
from anyio import create_task_group

from intertie.bus.url import parse_url, to_url
from intertie.limits.counters import Account
from intertie.limits.decide import MICROSECONDS, Meter, Policy
from intertie.limits.lease import LEASE_US
from intertie.limits.shared import SharedCounters
from intertie.runtime.bus_engine import valkey_program
from intertie.runtime.ports import Ports, is_free
from intertie.suite.bus import QueueConfig, QueueType

PROCESSES = 4
PER_MINUTE = 6000
_MINUTES = 2.2
_PASSWORD = "not-a-real-one"  # noqa: S105 - of a server that lives for this run


async def _asks(url: str) -> None:
    """Calls as quickly as they are granted; prints when each was."""
    policy = Policy("minute", PER_MINUTE, 60 * MICROSECONDS, lag_us=LEASE_US)
    account = Account("call|bench", "bench", (Meter("vendor|bench|60", policy),))
    shared = SharedCounters(parse_url(url), prefix="intertie:calls")
    ends = monotonic() + 60 * _MINUTES
    sent: list[float] = []
    async with create_task_group() as group:
        await group.start(shared.run)
        while monotonic() < ends:
            decision = shared.quick(account) or await shared.take(account)
            if decision.allowed:
                sent.append(time())
            else:
                await anyio.sleep(min(decision.retry_after_s, 0.05))
        group.cancel_scope.cancel()
    print(" ".join(f"{each:.4f}" for each in sent))


def main() -> None:
    """Run and print."""
    port = Ports().take("bench")
    config = QueueConfig(QueueType.REDIS, host="127.0.0.1", port=port, password=_PASSWORD)
    argv = [str(valkey_program()), "--port", str(port), "--requirepass", _PASSWORD, "--save", ""]
    with (
        tempfile.TemporaryDirectory() as folder,
        Popen(argv, cwd=Path(folder), stdout=PIPE) as server,
    ):
        while is_free(port):
            pass
        command = [sys.executable, "-m", __name__, to_url(config)]
        workers = [Popen(command, stdout=PIPE, text=True) for _ in range(PROCESSES)]
        sent = sorted(float(t) for each in workers for t in each.communicate()[0].split())
        server.kill()
    most = _most(sent)
    later = [t for t in sent if sent[0] + 60 <= t < sent[0] + 120]
    print(f"{PROCESSES} processes, {PER_MINUTE:,} a minute for {_MINUTES} minutes")
    print(f"most in any 60 s / allowed: {most / PER_MINUTE:.3f} (bar: 1.000)")
    print(f"used of the second minute: {len(later) / PER_MINUTE:.3f} (bar: 0.970)")


def _most(sent: list[float]) -> int:
    first, most = 0, 0
    for last, moment in enumerate(sent):
        while moment - sent[first] >= 60:  # noqa: PLR2004 - a minute
            first += 1
        most = max(most, last - first + 1)
    return most


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(_asks, sys.argv[1], backend_options={"use_uvloop": True})
    else:
        main()
