"""Everyone that takes part, with defaults and with the best settings of its documentation."""

from collections.abc import Sequence

from benchmarks.orchestrator.rivals.circus import Circus
from benchmarks.orchestrator.rivals.dekit import Dekit
from benchmarks.orchestrator.rivals.honcho import Honcho
from benchmarks.orchestrator.rivals.intertie import Intertie
from benchmarks.orchestrator.rivals.pm2 import Pm2
from benchmarks.orchestrator.rivals.rival import Rival
from benchmarks.orchestrator.rivals.runit import Runit
from benchmarks.orchestrator.rivals.s6 import S6
from benchmarks.orchestrator.rivals.supervisord import Supervisord

_KINDS: Sequence[type[Rival]] = (
    Intertie,
    Supervisord,
    Circus,
    Honcho,
    Pm2,
    Dekit,
    Runit,
    S6,
)


def contenders() -> Sequence[Rival]:
    """Ours first."""
    return [
        kind(tuned=tuned) for kind in _KINDS for tuned in ((False, True) if kind.best else (False,))
    ]
