"""`traces`, against a daemon's routes."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from anyio import to_thread
from click.testing import CliRunner, Result

from intertie.cli.traces import traces as command
from intertie.drivers import proc
from intertie.errors import RequestError
from intertie.runtime.folder import Daemon, StateFolder
from tests.api.tracer import Served, served
from tests.monitor.traced import HOSTILE, TRACE, protobuf, span, traces

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Terminal:
    """Somebody who types commands."""

    it: Served
    suite: Path

    async def __call__(self, *words: str) -> Result:
        """What a command said."""
        where = ["--file", str(self.suite)]
        argv = [words[0], *where, *words[1:]]
        return await to_thread.run_sync(lambda: CliRunner().invoke(command, argv))

    async def ok(self, *words: str) -> str:
        """What one said that went well."""
        result = await self(*words)
        assert result.exit_code == 0, result.output
        return result.output


@asynccontextmanager
async def terminal(folder: Path) -> AsyncIterator[Terminal]:
    """Beside a suite that runs."""
    suite = folder / "suite.yaml"
    suite.write_text("suite: traced\nservices: {}\n")
    state = StateFolder(folder / ".intertie")
    state.create()
    async with served(folder) as it:
        own = proc.identify(os.getpid())
        assert own is not None
        state.api_key.write_text(it.key)
        state.announce(Daemon(own.pid, own.start_ticks, it.url, None, str(suite), ""))
        yield Terminal(it, suite)


async def test_traces_are_listed_the_last_first(tmp_path: Path) -> None:
    """With where they began, and how many there are beside."""
    async with terminal(tmp_path) as type_:
        await type_.it.tracing.store.append(traces(3), now_ms=0)
        listed = await type_.ok("list")
        told = json.loads(await type_.ok("list", "--json"))
        paged = await type_.ok("list", "-n", "2")

    rows = [line for line in listed.splitlines() if line.startswith("0")]
    assert [row.split()[0][-1] for row in rows] == ["3", "2", "1"]
    assert "10.0 ms" in rows[0]
    assert "work 3" in rows[0]
    assert len(told["items"]) == 3
    assert "there are more: --page 2" in paged


async def test_the_list_is_of_what_is_asked_for(tmp_path: Path) -> None:
    """Slow ones, failed ones, those of a service, of a route, of a time."""
    async with terminal(tmp_path) as type_:
        store = type_.it.tracing.store
        slow = span(1, trace="a" * 32, end_ns=span().start_ns + 300_000_000)
        bad = span(2, trace="b" * 32, status="error", service="db", route="/orders")
        await store.append([slow, bad], now_ms=0)

        assert "a" * 32 in await type_.ok("list", "--slow", "200ms")
        assert "b" * 32 not in await type_.ok("list", "--slow", "200ms")
        for words in (["--errors"], ["--service", "db"], ["--route", "/orders"]):
            listed = await type_.ok("list", *words)
            assert "b" * 32 in listed
            assert "a" * 32 not in listed
        assert "a" * 32 not in await type_.ok("list", "--since", "1h")
        wrong = await type_("list", "--slow", "soon")

    assert isinstance(wrong.exception, RequestError)
    assert "cannot use the duration 'soon'" in str(wrong.exception)


async def test_one_is_shown_as_a_waterfall_a_page_or_json(tmp_path: Path) -> None:
    """One that is not there is told."""
    async with terminal(tmp_path) as type_:
        await type_.it.tracing.take(
            protobuf([span(1), span(2, parent=1)]), "application/x-protobuf"
        )
        text = await type_.ok("show", TRACE)
        page = await type_.ok("show", TRACE, "--html")
        told = json.loads(await type_.ok("show", TRACE, "--json"))
        missing = await type_("show", "0" * 32)

    assert text.startswith(f"trace {TRACE}")
    assert "  web  work 2" in text
    assert page.startswith("<!doctype html>")
    assert [each["depth"] for each in told["spans"]] == [0, 1]
    assert missing.exit_code != 0


async def test_a_terminal_gets_no_control_characters(tmp_path: Path) -> None:
    """Whatever services call themselves."""
    async with terminal(tmp_path) as type_:
        spans = [span(1, service=HOSTILE, name=HOSTILE), span(2, parent=1, service="b" + HOSTILE)]
        await type_.it.tracing.store.append(spans, now_ms=0)
        outputs = [
            await type_.ok("list"),
            await type_.ok("show", TRACE),
            await type_.ok("calls", "--since", "3600d"),
        ]

    for output in outputs:
        assert "\\x1b[31m" in output
        assert all(char == "\n" or char.isprintable() for char in output)


async def test_calls_and_the_store_are_told(tmp_path: Path) -> None:
    """As tables or JSON."""
    async with terminal(tmp_path) as type_:
        spans = [span(1, service="edge"), span(2, parent=1)]
        await type_.it.tracing.store.append(spans, now_ms=0)
        calls = await type_.ok("calls", "--since", "3600d")
        status = await type_.ok("status")
        told = json.loads(await type_.ok("status", "--json"))

    assert calls.splitlines()[1].split()[:3] == ["edge", "web", "1"]
    assert "0 came, 0 could not be read" in status
    assert told["spans"] == 2
