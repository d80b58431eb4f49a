"""Runs the real command line on a suite in a folder of its own, and proves it leaves nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

_UP_S = 120
_ANSWER_S = 60


@dataclass(frozen=True)
class Result:
    """How one command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output, parsed."""
        return json.loads(self.out)


class Bench:
    """A folder with a `suite.yaml`, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".intertie"

    def write(self, text: str, name: str = "suite.yaml") -> Path:
        """Write a file of the suite."""
        file = self.folder / name
        file.write_text(text)
        return file

    def __call__(self, *arguments: str, env: dict[str, str] | None = None) -> Result:
        """Run `intertie ARGUMENTS` in the folder, as a user would."""
        done = subprocess.run(
            [sys.executable, "-m", "intertie", *arguments],
            cwd=self.folder,
            env={**_clean_environment(), **(env or {})},
            capture_output=True,
            text=True,
            timeout=_UP_S,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str) -> Result:
        """Run a command that must succeed."""
        result = self(*arguments)
        assert result.code == 0, f"{arguments}: {result.code}\n{result.out}\n{result.err}"
        return result

    def script(self, text: str) -> str:
        """What a shell prints for it in the folder; no command of it may fail."""
        env = _clean_environment()
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=env,
            capture_output=True,
            text=True,
            timeout=_UP_S,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def daemon(self) -> dict[str, Any]:
        """What the daemon announced."""
        found: dict[str, Any] = json.loads((self.state / "run" / "daemon.json").read_text())
        return found

    def api(self, *, key: bool = True) -> httpx.Client:
        """A client of the management API, with or without the key."""
        secret = (self.state / "run" / "api.token").read_text()
        headers = {"authorization": f"Bearer {secret}"} if key else {}
        url = self.daemon()["api_url"]
        return httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=_ANSWER_S)

    def service(self, name: str) -> dict[str, Any]:
        """One service as `ps --json` shows it."""
        services = {each["name"]: each for each in self.ok("ps", "--json").json()}
        found: dict[str, Any] = services[name]
        return found

    def processes(self) -> list[psutil.Process]:
        """Every process that carries the mark of this state folder, and the daemon's own."""
        mark = self.state / "instance"
        instance = mark.read_text() if mark.exists() else None
        return [each for each in psutil.process_iter() if self._is_ours(each, instance)]

    def _is_ours(self, process: psutil.Process, instance: str | None) -> bool:
        try:
            if instance and process.environ().get("INTERTIE_INSTANCE") == instance:
                return True
            command = process.cmdline()
        except psutil.Error:
            return False
        return "daemon" in command and str(self.state) in command


def contents(folder: Path) -> dict[Path, bytes]:
    """What every file below it holds; one that goes meanwhile is not among them."""
    found: dict[Path, bytes] = {}
    for place, _, names in os.walk(folder):
        for file in (Path(place, name) for name in names):
            with suppress(FileNotFoundError):
                if file.is_file():
                    found[file] = file.read_bytes()
    return found


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("INTERTIE")}


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A bench whose suite is down, with no process left, at the end."""
    made = Bench(folder)
    try:
        yield made
    finally:
        try:
            _end(made)
        except KeyboardInterrupt:
            _end(made)  # it may have ended the `down` before that was heard of
            raise


def _end(made: Bench) -> None:
    if made.state.exists():
        made("down")
    left = made.processes()
    for process in left:
        process.kill()
    assert not left, f"left over: {left}"
