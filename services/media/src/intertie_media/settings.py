"""Settings of one media service, read from its environment once, at its start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from intertie_media.errors import SettingError

PORTS = {
    "upload-manager": 3001,
    "streaming-engine": 3002,
    "content-management": 3003,
    "status-checker": 3004,
    "processing-pipeline": 3010,
}
"""The services and where they listen when nobody says otherwise."""

PUBLIC_PATH = "/api/media"

_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Settings:
    """How one service was started."""

    service: str
    port: int
    replica: str
    """Stays the same when this replica is started again: `processing-pipeline/0`."""
    data: Path
    """Shared by all media services."""
    urls: Mapping[str, str]
    """Where the services are, by name, this one among them."""
    public_path: str
    """What clients put in front of a path of ours."""
    max_file_bytes: int
    max_user_bytes: int
    """Of all assets and open uploads of one user."""
    upload_expires_s: int
    """From the last chunk."""
    max_transcodes: int
    """At once; one keeps two cores busy."""

    @classmethod
    def read(cls, service: str, environ: Mapping[str, str]) -> Self:
        """The settings of `service`. Raises SettingError."""
        return cls(
            service=service,
            port=_number(environ, "PORT", PORTS[service], at_most=_MAX_PORT),
            replica=environ.get("INTERTIE_SERVICE", f"{service}/0"),
            data=Path(environ.get("INTERTIE_DATA", ".intertie/data")).resolve(),
            urls={name: _url(environ, name, port) for name, port in PORTS.items()},
            public_path=environ.get("MEDIA_PUBLIC_PATH", PUBLIC_PATH).rstrip("/"),
            max_file_bytes=_number(environ, "MEDIA_MAX_FILE_BYTES", 4 << 30),
            max_user_bytes=_number(environ, "MEDIA_MAX_USER_BYTES", 50 << 30),
            upload_expires_s=_number(environ, "MEDIA_UPLOAD_EXPIRES_S", 24 * 3600),
            max_transcodes=_number(environ, "MEDIA_MAX_TRANSCODES", 1),
        )

    @property
    def database(self) -> Path:
        """All documents."""
        return self.data / "media.db"

    @property
    def blobs(self) -> Path:
        """Originals and what is made from them."""
        return self.data / "blobs"

    @property
    def uploads(self) -> Path:
        """One folder an unfinished upload."""
        return self.data / "uploads"

    @property
    def work(self) -> Path:
        """Scratch space of the pipeline."""
        return self.data / "work"


def _url(environ: Mapping[str, str], service: str, port: int) -> str:
    variable = "INTERTIE_URL_" + re.sub(r"[^A-Z0-9]", "_", service.upper())
    return environ.get(variable, f"http://127.0.0.1:{port}").rstrip("/")


def _number(
    environ: Mapping[str, str], name: str, default: int, *, at_most: int | None = None
) -> int:
    text = environ.get(name, str(default))
    number = int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0
    if number < 1 or (at_most is not None and number > at_most):
        limit = f" up to {at_most}" if at_most is not None else ""
        raise SettingError(
            f"cannot use {name}={text!r}: expected a whole number{limit}, at least 1"
        )
    return number
