"""The whole media suite, as `intertie up` runs it: real gateway, real processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import Bench
from tests.harness import bench as open_bench

FILE = Path(__file__).resolve().parents[1] / "suite.yaml"


class MediaSuite:
    """Every port of it is free to choose, so that many run side by side."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.options = ("--file", str(FILE), "--env", "test", "--state", str(bench.state))

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self._bench.state

    def ask(self, *words: str) -> str:
        """What a command that must succeed prints."""
        return self._bench.ok(*words, *self.options).out.strip()

    @property
    def gateway(self) -> str:
        """Its address."""
        return self.ask("url", "gateway")

    def token(self, user: str) -> str:
        """What the gateway lets `user` in with."""
        return self.ask("token", "--subject", user)


@contextmanager
def media_suite(folder: Path) -> Iterator[MediaSuite]:
    """Up and healthy inside the block; nothing of it is left afterwards."""
    with open_bench(folder) as bench:
        suite = MediaSuite(bench)
        try:
            suite.ask("up", "--detach")
            yield suite
        finally:
            bench("down", *suite.options)
