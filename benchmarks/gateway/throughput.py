"""Requests a second, tail latency and CPU time beside other proxies, and the bars they are held to.

All forward to the same nginx that answers 100 bytes; who is compared gets the same requests, of
500 clients in turn. A proxy and what works for it have one core; wrk and the service the other one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.gateway import ours, peers
from benchmarks.gateway.load import Proxy, wrk
from benchmarks.table import Column, Measures, interleave, report
from intertie.identity.issuer import Issuer

_KEYS = ", keys"
BARE = "bare Envoy"


@dataclass(frozen=True, slots=True)
class Bar:
    """What one contender is held to."""

    contender: str
    to: str
    least: float


BARS = (
    Bar("all policies", BARE, 0.60),
    Bar("sealed keys, 2 limits", BARE + _KEYS, 0.90),
    Bar("hashed keys, quotas", BARE + _KEYS, 0.50),
    Bar("all policies", "aiohttp", 1.5),
)


def measure(folder: Path, *, rounds: int, seconds: float) -> Sequence[Column]:
    """Everybody in turns."""
    with ExitStack() as stack:
        service = stack.enter_context(peers.service(folder / "service"))
        made = dict(_contenders(stack, folder, service))
        runs: dict[str, Callable[[], Measures]] = {
            name: partial(wrk, proxy, "/open", clients, seconds=seconds)
            for name, (proxy, clients) in made.items()
        }
        for name in runs:
            proxy, clients = made[name]
            wrk(proxy, "/open", clients, seconds=1)  # nobody is measured cold
        columns = interleave(runs, rounds)
        _check_spans(folder / "service")
    report("gateway", columns, baseline=BARE)
    return columns


def judge(columns: Sequence[Column]) -> Iterator[tuple[Bar, float]]:
    """What each bar's contender reached: the median of the ratios within the rounds."""
    known = {column.name: column for column in columns}
    for bar in BARS:
        yield bar, known[bar.contender].ratio(known[bar.to], "requests_per_s")


def _contenders(
    stack: ExitStack, folder: Path, service: int
) -> Iterator[tuple[str, tuple[Proxy, Sequence[Mapping[str, str]]]]]:
    tokens = ours.tokens(Issuer.open(folder / "keys"))
    keys = ours.shown(ours.keys())
    bare = stack.enter_context(peers.bare_envoy(folder / "bare", service))
    yield BARE, (bare, tokens)
    yield BARE + _KEYS, (bare, keys)
    for name in ("nginx", "haproxy", "caddy", "aiohttp"):
        proxy = stack.enter_context(getattr(peers, name)(folder / name, service))
        yield name, (proxy, tokens)
    everything = ours.all_policies(f"http://127.0.0.1:{service}")
    for name, made, clients in (
        ("open route", ours.open_route(), tokens),
        ("token route", ours.token_route(), tokens),
        ("all policies", everything, tokens),
        ("sealed keys, 2 limits", ours.sealed_keys(), keys),
    ):
        place = folder / name.replace(" ", "-").replace(",", "")
        yield name, (stack.enter_context(ours.gateway(place, made, service)), clients)
    engine = stack.enter_context(peers.valkey(folder / "valkey"))
    asked = ours.gateway(folder / "hashed", ours.hashed_keys(), service, engine=engine)
    yield "hashed keys, quotas", (stack.enter_context(asked), keys)


def _check_spans(folder: Path) -> None:
    """That traces were made at all."""
    log = peers.spans(folder)
    if not log.exists() or not log.stat().st_size:
        raise RuntimeError("cannot measure: no trace came to the collector")
