"""Programs of others, run to their end."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anyio import run_process

from intertie.automation.backup.port import BackupError

_SHOWN = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program with its surroundings. Secrets go by the environment, never by an argument."""

    name: str
    install: str
    """How to get it, for the message when it is missing."""
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    nice: int = 0
    """19 gives way to everybody."""

    async def run(
        self, doing: str, args: Sequence[str], *, cwd: Path | None = None, given: bytes = b""
    ) -> bytes:
        """What it wrote. Raises BackupError "cannot `doing`: ..." with the end of what it said.

        A run that is cancelled is killed.
        """
        done = await self.attempt(doing, args, cwd=cwd, given=given)
        if done.returncode:
            raise BackupError(f"cannot {doing}: {said(done)}")
        return done.stdout

    async def attempt(
        self, doing: str, args: Sequence[str], *, cwd: Path | None = None, given: bytes = b""
    ) -> "subprocess.CompletedProcess[bytes]":
        """How it ended and what it wrote. Raises BackupError only when it cannot be started."""
        try:
            return await run_process(
                [*self._nice(), self._path(doing), *args],
                input=given,
                check=False,
                cwd=cwd,
                env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **self.env},
            )
        except OSError as exc:
            raise BackupError(f"cannot {doing}: {self.name} does not start: {exc}") from exc

    def _path(self, doing: str) -> str:
        found = shutil.which(self.name, path=self.env.get("PATH"))
        if found is None:
            raise BackupError(f"cannot {doing}: {self.name} is not installed; {self.install}")
        return found

    def _nice(self) -> list[str]:
        program = shutil.which("nice") if self.nice else None
        return [program, "-n", str(self.nice)] if program else []


def said(done: "subprocess.CompletedProcess[bytes]") -> str:
    """The end of what a program complained about, on one line."""
    text = (done.stderr or done.stdout or b"").decode(errors="replace")
    line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    return line[-_SHOWN:] or f"it ended with {done.returncode}"
