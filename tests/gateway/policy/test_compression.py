"""Compressed answers, by a real Envoy."""

import gzip
from pathlib import Path

import pytest

from tests.gateway.stage import shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LONG = "x" * 5000


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("identity", None),
    ],
)
async def test_the_client_chooses(tmp_path: Path, accepted: str, encoding: str | None) -> None:
    """By what it accepts; of what it likes equally well, brotli is taken."""
    headers = {"accept-encoding": accepted}
    async with (
        shop(tmp_path, {"path": "/", "compression": True}) as (_, http, _),
        http.stream("GET", "/long", headers=headers) as answer,
    ):
        body = b"".join([part async for part in answer.aiter_raw()])

    assert answer.headers.get("content-encoding") == encoding
    assert "accept-encoding" in answer.headers["vary"].lower()
    assert (len(body) < 1000) == (encoding is not None)
    if encoding == "gzip":
        assert gzip.decompress(body).decode() == LONG


async def test_a_route_may_say_otherwise_than_the_gateway(tmp_path: Path) -> None:
    """It is off unless one of them says so."""
    routes = (
        {"path": "/a", "strip": True},
        {"path": "/b", "strip": True, "compression": False},
    )
    wanted = {"enabled": True, "encodings": ["gzip"]}
    async with shop(tmp_path, *routes, compression=wanted) as (_, http, _):
        headers = {"accept-encoding": "gzip, br"}
        got = [
            (await http.get(path, headers=headers)).headers.get("content-encoding")
            for path in ("/a/long", "/b/long")
        ]

    assert got == ["gzip", None]
