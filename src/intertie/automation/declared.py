"""What a suite file declares for set times, judged before anything starts."""

from collections.abc import Iterator

from intertie.automation.cron import check as check_timing
from intertie.errors import Fault, IntertieError, SuiteError
from intertie.suite.load import Loaded
from intertie.suite.recovery import BACKUP, DRILL, MAINTENANCE
from intertie.suite.tree import Keys

_PLACES: dict[str, Keys] = {
    BACKUP: ("backup",),
    DRILL: ("backup", "drill"),
    MAINTENANCE: ("maintenance",),
}


def check(loaded: Loaded) -> None:
    """Raise SuiteError with each schedule that cannot be used."""
    faults = list(_faults(loaded))
    if faults:
        raise SuiteError(faults)


def _faults(loaded: Loaded) -> Iterator[Fault]:
    for name, timing in loaded.suite.automation.timings():
        keys: Keys = ("automation", *_PLACES.get(name, ("tasks", name)))
        try:
            check_timing(timing)
        except IntertieError as exc:
            yield loaded.places[keys].fault(keys, str(exc))
