"""Measures the gateway beside others, and tells whether all bars are met.

Parts: `throughput` (beside other proxies), `change` (under load, and with 1,000 routes), and
`ablation` (what each policy costs; only when it is asked for).
"""

import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway import ablation, change, throughput
from benchmarks.table import RESULTS

_PARTS = ("throughput", "change", "ablation")
_CHANGES = 50
_MOST_LIVE_MS = 150.0


@dataclass(frozen=True, slots=True)
class Judged:
    """One bar, and what was reached."""

    name: str
    reached: float
    bar: str
    holds: bool

    def __str__(self) -> str:
        return f"{'ok' if self.holds else 'BELOW':<6} {self.name}: {self.reached:,.3f} ({self.bar})"


def main() -> None:
    """Run and print; fails below a bar."""
    parser = ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", choices=_PARTS, help="one part")
    told = parser.parse_args()
    rounds, seconds = (3, 1.0) if told.quick else (5, 3.0)
    judged: list[Judged] = []
    if told.only in {None, "throughput"}:
        judged += _throughput(rounds, seconds)
    if told.only in {None, "change"}:
        judged += _change(rounds, seconds)
    if told.only == "ablation":
        with _folder() as folder:
            ablation.measure(folder, rounds=rounds * 2, seconds=1)
    lines = [str(each) for each in judged]
    print("\n".join(lines))
    if judged and told.only is None:
        (RESULTS / "gateway_bars.txt").write_text("\n".join(lines) + "\n")
    if not all(each.holds for each in judged):
        raise SystemExit(1)


def _throughput(rounds: int, seconds: float) -> Iterator[Judged]:
    with _folder() as folder:
        columns = throughput.measure(folder, rounds=rounds, seconds=seconds)
    for bar, reached in throughput.judge(columns):
        name = f"requests/s, {bar.contender} to {bar.to}"
        yield Judged(name, reached, f"at least {bar.least}", reached >= bar.least)


def _change(rounds: int, seconds: float) -> Iterator[Judged]:
    with _folder() as folder:
        routes, restarts = change.under_load(folder, _CHANGES)
    for what, lost in (("changes of routes", routes), ("rolling restarts", restarts)):
        name = f"failed of {lost.requests:,} requests in {lost.changes} {what}"
        yield Judged(name, lost.failed, "0", not lost.failed)
    with _folder() as folder:
        took = sorted(change.to_live(folder, 100))
    p99 = took[int(len(took) * 0.99) - 1]
    name = f"ms from change to live, {change.ROUTES:,} routes, p99"
    yield Judged(name, p99, f"at most {_MOST_LIVE_MS:.0f}", p99 <= _MOST_LIVE_MS)
    with _folder() as folder:
        first, last = change.first_and_last(folder / "many", rounds=rounds, seconds=seconds)
    print(f"proxy CPU a request of {change.ROUTES:,} routes: first {first:.0f} us, last {last:.0f}")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


if __name__ == "__main__":
    main()
