"""The README's tour works as pasted."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from intertie.runtime.ports import Ports
from tests.harness import bench

README = Path(__file__).resolve().parent.parent / "README.md"


def tour() -> str:
    """The tour's commands, one script."""
    text = README.read_text()
    part = text[text.index("<!-- tour: begin -->") : text.index("<!-- tour: end -->")]
    return "\n".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL))


@pytest.mark.slow
def test_the_tour_works_as_pasted(tmp_path: Path) -> None:
    """Each command of the tour succeeds, on free ports instead of 8000 and 8080."""
    ports = Ports()
    gateway, api = str(ports.take("gateway")), str(ports.take("api"))
    free = {"8000": gateway, "8080": api}
    script = re.sub("8000|8080", lambda found: free[found[0]], tour())
    script = script.replace("gateway:\n", f"api: {{port: {api}}}\ngateway:\n", 1)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    with bench(tmp_path / "tour"):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    for sign in (
        "is valid",
        "running",
        "working against http",
        "Jwt is missing",
        "2000",
        "stopped",
    ):
        assert sign in done.stdout
