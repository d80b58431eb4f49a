"""`python -m intertie.gateway.cache CONFIG.json`."""

import sys
from importlib.util import find_spec
from pathlib import Path

import anyio

from intertie.errors import IntertieError
from intertie.gateway.cache.server import until_stopped
from intertie.runtime.daemon import log_to_stderr


def main(arguments: list[str]) -> int:
    """Run until told to stop; the exit status."""
    if len(arguments) != 1:
        print("usage: python -m intertie.gateway.cache CONFIG.json", file=sys.stderr)
        return 2
    log_to_stderr("intertie-cache")
    status = 0
    try:
        anyio.run(until_stopped, Path(arguments[0]).absolute(), backend_options=_options())
    except* IntertieError as group:
        for exc in group.exceptions:
            print(exc, file=sys.stderr)
        status = 1
    return status


def _options() -> dict[str, object]:
    """Uvloop, where there is one."""
    return {"use_uvloop": find_spec("uvloop") is not None}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
