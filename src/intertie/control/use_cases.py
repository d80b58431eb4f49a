"""All use cases together, and who may call them."""

from dataclasses import dataclass

from intertie.control.actor import Actor
from intertie.control.bus import BusControl
from intertie.control.changes import ChangeControl
from intertie.control.events import EventControl
from intertie.control.health import Health
from intertie.control.jobs import Jobs
from intertie.control.logs import Logs
from intertie.control.metrics import Metrics
from intertie.control.plugins import PluginControl
from intertie.control.services import Services
from intertie.control.suite import SuiteControl
from intertie.control.terminals import Terminals
from intertie.control.tokens import Tokens
from intertie.identity.api_key import ApiKey


@dataclass(frozen=True, slots=True)
class Control:
    """All use cases over one running suite; built by `intertie.app`."""

    key: ApiKey
    open_reads: bool
    """Reads need no key: the API listens on the loopback interface only."""
    open_writes: bool
    """Writes need no key either; the user asked for it with `--insecure-local`."""
    services: Services
    suite: SuiteControl
    changes: ChangeControl
    events: EventControl
    bus: BusControl
    jobs: Jobs
    terminals: Terminals
    logs: Logs
    health: Health
    metrics: Metrics
    plugins: PluginControl
    tokens: Tokens

    def identify(self, authorization: str | None, *, via: str) -> Actor:
        """The caller behind an Authorization header; `via` is the way in, for the records."""
        known = self.key.opens(authorization)
        return Actor(
            name=via if known else f"{via} (unauthenticated)",
            may_read=known or self.open_reads,
            may_write=known or self.open_writes,
        )
