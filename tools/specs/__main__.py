"""Writes specs/<kind>.json anew: `python -m tools.specs [--check] [KIND...]`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tools.specs.kinds import KINDS
from tools.specs.render import render
from tools.specs.sources import ROOT
from tools.specs.tree import SpecError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SPECS = ROOT / "specs"


def main(argv: Sequence[str] | None = None, *, folder: Path = SPECS) -> int:
    """Write the kinds named, or all, into `folder`; with --check only say which differ.

    0 when all is well.
    """
    parser = argparse.ArgumentParser(description="Make specs/ from the vendors' descriptions.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    parser.add_argument("kinds", nargs="*", metavar="kind", help=", ".join(KINDS))
    arguments = parser.parse_args(argv)
    unknown = sorted(set(arguments.kinds) - set(KINDS))
    if unknown:
        parser.error(f"no such kind: {', '.join(unknown)}")
    wanted: list[str] = arguments.kinds or list(KINDS)
    outcomes = [_one(folder, name, check=arguments.check) for name in wanted]
    return max(outcomes)


def _one(folder: Path, name: str, *, check: bool) -> int:
    file = folder / f"{name}.json"
    try:
        content = render(KINDS[name])
    except SpecError as exc:
        sys.stderr.write(f"cannot make {file.name}: {exc}\n")
        return 1
    if file.is_file() and file.read_bytes() == content:
        return 0
    if check:
        print(f"{file} differs: run `python -m tools.specs {name}`")
        return 1
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    print(f"{file}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
