"""Another process that refreshes a token when told to: refresh_once.py FOLDER TOKEN CLIENT."""

import sys
from pathlib import Path

import anyio

from intertie.identity.tokens.pepper import Pepper
from intertie.identity.tokens.refresh import RefreshTokens, Rotated
from intertie.identity.tokens.revocation import Revocations
from intertie.store import open_records

START = 1_800_000_000.0


async def main(folder: Path, token: str, client: str) -> None:
    """Ready, then one line in, then the answer."""
    async with open_records(f"sqlite://{folder}/records.db") as records:
        pepper = Pepper.open(folder)
        revocations = Revocations(records, lambda: START)
        tokens = RefreshTokens(records, pepper, revocations, clock=lambda: START)
        print("ready", flush=True)
        await anyio.to_thread.run_sync(sys.stdin.readline)
        found = await tokens.rotate(token, client)
        print(found.token if isinstance(found, Rotated) else found.why)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3])
