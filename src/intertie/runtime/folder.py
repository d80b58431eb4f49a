"""The state folder `.intertie/`: one place for everything a running suite leaves on disk."""

import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from intertie.errors import DaemonError

FILE_NAMES = ("suite.yaml", "suite.yml")
STATE_FOLDER = ".intertie"


@dataclass(frozen=True, slots=True)
class Daemon:
    """What a running daemon tells about itself in `run/daemon.json`."""

    pid: int
    start_ticks: int
    """Kernel start time, so that a reused pid is not taken for the daemon."""
    api_url: str
    gateway_url: str | None
    suite_file: str
    first_change: str
    """The change that brings the suite up; its progress is `up`'s progress."""


@dataclass(frozen=True, slots=True)
class StateFolder:
    """Paths below the folder. `create` makes the ones that must be private, private."""

    root: Path

    @property
    def database(self) -> Path:
        """Changes and the ledger of running replicas."""
        return self.root / "intertie.db"

    @property
    def journal(self) -> Path:
        """Every event, also those not yet passed on."""
        return self.root / "events.db"

    @property
    def bus(self) -> Path:
        """The embedded bus's messages and password (0700)."""
        return self.root / "bus"

    @property
    def schemas(self) -> Path:
        """What the data of the bus's topics must look like, for the services."""
        return self.run / "bus-schemas.json"

    @property
    def logs(self) -> Path:
        """One folder a service."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Things that matter only while a daemon runs (0700)."""
        return self.root / "run"

    @property
    def envoy(self) -> Path:
        """The gateway's configuration, admin socket and logs."""
        return self.run / "envoy"

    @property
    def api_key(self) -> Path:
        """The key of the management API (0600)."""
        return self.run / "api.token"

    @property
    def keys(self) -> Path:
        """Private keys (0700)."""
        return self.root / "keys"

    @property
    def identity(self) -> Path:
        """Users, keys and sessions, and the audit trail (0700)."""
        return self.root / "identity"

    @property
    def integrations(self) -> Path:
        """Grants of integrations, sealed, and what vendors delivered (0700)."""
        return self.root / "integrations"

    @property
    def monitoring(self) -> Path:
        """Samples, and the state of alerts (0700)."""
        return self.root / "monitoring"

    @property
    def samples(self) -> Path:
        """The store of samples; only the daemon can read it while it runs."""
        return self.monitoring / "metrics.duckdb"

    @property
    def automation(self) -> Path:
        """What ran at set times, and how it went (0700)."""
        return self.root / "automation"

    @property
    def paused(self) -> Path:
        """Processes that stand still for a moment, while there are any."""
        return self.root / "paused"

    @property
    def data(self) -> Path:
        """What the services themselves keep, given to them as INTERTIE_DATA."""
        return self.root / "data"

    @property
    def daemon_file(self) -> Path:
        """Written once the daemon serves, removed when it ends in good order."""
        return self.run / "daemon.json"

    @property
    def lock(self) -> Path:
        """Held while a daemon lives."""
        return self.run / "lock"

    @property
    def ledger(self) -> Path:
        """Which processes run; outlives a killed daemon."""
        return self.run / "ledger"

    @property
    def secrets(self) -> Path:
        """One file a secret (0600)."""
        return self.root / "secrets"

    def instance(self) -> str:
        """The folder's own random id, made at the first call; marks every process of the suite."""
        file = self.root / "instance"
        if not file.exists():
            id = secrets.token_hex(8)
            part = file.with_name(f"instance-{id}")
            part.write_text(id)
            with suppress(FileExistsError):
                file.hardlink_to(part)  # whole at once, and never over another
            part.unlink()
        return file.read_text()

    def create(self) -> None:
        """Make the folders; running it again changes nothing."""
        for folder in (self.root, self.run, self.keys, self.secrets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.logs, self.data, self.envoy):
            folder.mkdir(parents=True, exist_ok=True)

    def announce(self, daemon: Daemon) -> None:
        """Tell other processes, all at once, where the daemon is."""
        part = self.daemon_file.with_suffix(".part")
        part.write_text(json.dumps(asdict(daemon)))
        part.replace(self.daemon_file)

    def daemon(self) -> Daemon | None:
        """The last daemon that announced itself; it may be dead."""
        try:
            return Daemon(**json.loads(self.daemon_file.read_text()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as exc:
            raise DaemonError(
                f"cannot read {self.daemon_file}: {exc}; run `intertie down`, or remove the file"
            ) from exc

    def retire(self) -> None:
        """Withdraw the announcement and the key."""
        self.daemon_file.unlink(missing_ok=True)
        self.api_key.unlink(missing_ok=True)


def find_suite(file: Path | None) -> Path:
    """The file as named, or the nearest suite.yaml in this folder or above. Raises DaemonError."""
    if file is not None:
        return file
    here = Path.cwd()
    for folder in (Path(), *here.parents):
        for name in FILE_NAMES:
            if (folder / name).is_file():
                return folder / name
    raise DaemonError(
        f"cannot find a suite file: no {FILE_NAMES[0]} in {here} or above; name one with --file"
    )
