"""Brings rivals on demand, into a cache of their own: they are no dependencies of the project."""

import os
import shutil
import subprocess
import venv
from pathlib import Path

CACHE = Path(__file__).resolve().parents[3] / ".cache" / "rivals"


class Missing(Exception):
    """A rival, or what it needs, cannot be had here; the text says why."""


def pip(requirement: str, program: str) -> Path:
    """A program from a Python package, in an environment apart. Raises Missing."""
    home = CACHE / "python"
    found = home / "bin" / program
    if not found.exists():
        if not (home / "bin" / "pip").exists():
            venv.create(home, with_pip=True)
        _run([str(home / "bin" / "pip"), "install", "--quiet", requirement])
    return found


def npm(requirement: str, program: str) -> Path:
    """A program from a node package, in a prefix apart. Raises Missing."""
    home = CACHE / "node"
    found = home / "node_modules" / ".bin" / program
    if not found.exists():
        if shutil.which("npm") is None:
            apt("nodejs", "npm")
        home.mkdir(parents=True, exist_ok=True)
        _run(["npm", "install", "--no-fund", "--no-audit", "--prefix", str(home), requirement])
    return found


def debian(package: str, *programs: str) -> Path:
    """The first of a Debian package's programs. Raises Missing."""
    if not all(map(shutil.which, programs)):
        apt(package)
    return Path(shutil.which(programs[0]) or "")


def apt(*packages: str) -> None:
    """Install Debian packages. Raises Missing."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"needs {' '.join(packages)}, and only root on Debian may install them here")
    _run(["apt-get", "install", "-y", "--no-install-recommends", *packages])


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=600
        )
    except subprocess.CalledProcessError as exc:
        last = (exc.stderr or exc.stdout or "").strip().splitlines()[-1:]
        raise Missing(f"{' '.join(command[:3])} failed: {' '.join(last)}") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise Missing(f"{command[0]}: {exc}") from exc
