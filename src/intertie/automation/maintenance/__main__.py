"""`python -m intertie.automation.maintenance TASK JSON`: one heavy task, in this process.

Started by `apart.Helper` under the task's limits. It prints what it did as one line of JSON.
"""

import os
import sys
from collections.abc import Callable, Mapping

from pydantic import ValidationError

from intertie.automation.maintenance.port import Done
from intertie.automation.maintenance.sweep import Sweep, sweep
from intertie.automation.maintenance.upkeep import Upkeep, tend_all
from intertie.runtime.daemon import log_to_stderr
from intertie.trace_context import current, from_environment

_TASKS: Mapping[str, Callable[[str], Done]] = {
    "cache_cleanup": lambda asked: sweep(Sweep.model_validate_json(asked)),
    "temp_cleanup": lambda asked: sweep(Sweep.model_validate_json(asked)),
    "index_optimization": lambda asked: tend_all(Upkeep.model_validate_json(asked)),
}
_ARGUMENTS = 2


def main(arguments: list[str]) -> int:
    """Do it; the exit status."""
    if len(arguments) != _ARGUMENTS or arguments[0] not in _TASKS:
        tasks = "|".join(_TASKS)
        print(f"usage: python -m intertie.automation.maintenance {tasks} JSON", file=sys.stderr)
        return 2
    task, asked = arguments
    try:
        done = _TASKS[task](asked)
    except (ValidationError, OSError) as exc:
        print(f"cannot do {task}: {' '.join(str(exc).split())}", file=sys.stderr)
        return 1
    print(done.model_dump_json())
    return 0


if __name__ == "__main__":
    log_to_stderr("intertie-maintenance")
    current.set(from_environment(os.environ))
    sys.exit(main(sys.argv[1:]))
