"""Browsers at the admin page, without a screen."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.identity.manor import Manor

EVIL = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Guest:
    """Who has signed in."""

    client: httpx.AsyncClient
    door: str

    async def get(self, rest: str = "") -> httpx.Response:
        """A page."""
        return await self.client.get(f"{self.door}{rest}")

    async def mark(self) -> str:
        """What shows a form to be of the page."""
        found: str = re.findall(r'name="mark" value="([^"]+)"', (await self.get()).text)[0]
        return found

    async def post(self, rest: str) -> httpx.Response:
        """A button of a page."""
        return await self.client.post(f"{self.door}{rest}", data={"mark": await self.mark()})


@asynccontextmanager
async def guest(manor: Manor, shown: str | None = None) -> AsyncIterator[Guest]:
    """Somebody who signed in with this; with the management key unless it is said."""
    async with httpx.AsyncClient(base_url=manor.url, trust_env=False, timeout=30) as client:
        answer = await client.post("/admin", data={"key": shown or manor.key})
        assert answer.status_code == 303, answer.text
        yield Guest(client, answer.headers["location"])
