"""`python -m tests.gateway.conformance [FILE]`: try everything, and write the report."""

import sys
import tempfile
from pathlib import Path

import anyio

from tests.gateway.conformance.report import markdown
from tests.gateway.conformance.rows import wrong
from tests.gateway.conformance.run import everything

_FILE = Path(__file__).resolve().parents[3] / "docs" / "gateway-conformance.md"


def main() -> None:
    """Fails when anything came in."""
    with tempfile.TemporaryDirectory(prefix="intertie.") as name:
        folder = Path(name)
        folder.chmod(0o755)
        found = anyio.run(everything, folder)
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else _FILE
    file.write_text(markdown(found))
    print(f"wrote {file}")
    bad = [*wrong(found.rows), *(str(way) for each in found.paths for way in each.came_in)]
    bad += [each.case.name for each in found.http2 if each.bare_passes and not each.passes]
    bad += [each.name for each in found.floods if not each.holds]
    if bad:
        raise SystemExit("\n".join(bad))


if __name__ == "__main__":
    main()
