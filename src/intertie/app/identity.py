"""What the daemon makes of a suite's `identity`: the door beside Envoy, and what tokens say."""

import os
import sys
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from intertie.errors import GatewayError
from intertie.runtime.folder import StateFolder
from intertie.suite.gateway import Gateway
from intertie.suite.health import Healthcheck
from intertie.suite.identity import Identity, Tenant
from intertie.suite.model import Suite
from intertie.suite.restart import Restart
from intertie.suite.secret import lookup, names, reference, resolve, variable
from intertie.suite.service import Service
from intertie.suite.values import Model

if TYPE_CHECKING:
    from intertie.identity.tokens.clients import Clients

SETTINGS, RULES = "door.json", "authz.json"
"""What the door reads, in the folder of identities: the second while it runs, too."""
AUTHZ_SOCKET, LOGIN_SOCKET = "authz.sock", "login.sock"
"""In Envoy's folder, where both are started: the path of a socket must be short."""
DOOR = "gateway.identity"
"""The process, as a service."""


def public_url(suite: Suite) -> str:
    """Where browsers find the gateway. Its port is a number here."""
    if suite.identity is not None and suite.identity.url is not None:
        return suite.identity.url.rstrip("/")
    gateway = suite.gateway or Gateway()
    return f"{'https' if gateway.tls else 'http'}://localhost:{gateway.port}"


def issuer(suite: Suite) -> str:
    """What tokens name as their issuer: an address only where somebody answers there."""
    if suite.identity is None or suite.gateway is None:
        from intertie.identity.issuer import ISSUER

        return ISSUER
    return f"{public_url(suite)}{suite.identity.login_path}"


def needs_door(suite: Suite) -> bool:
    """Whether something is asked of requests that Envoy cannot look at by itself."""
    gateway = suite.gateway
    if gateway is None:
        return False
    shares = gateway.limits is not None and gateway.limits.counters == "shared"
    return suite.identity is not None or gateway.checks_requests or shares


class DoorSettings(Model):
    """What the door is told; secrets are references in it, as in the suite file."""

    knows_people: bool = True
    """Whether the suite has identities; without any there is no login."""

    identity: Identity
    tenants: dict[str, Tenant]
    public_url: str
    """Where browsers find the gateway."""
    audience: str
    token_expiry_s: float
    refresh_expiry_s: float
    refresh_enabled: bool
    suite_folder: str
    """What files of the suite file are relative to."""

    @property
    def issuer(self) -> str:
        """As tokens name it."""
        return f"{self.public_url}{self.identity.login_path}"


def settings_of(suite: Suite, suite_folder: Path) -> DoorSettings:
    """Of a suite that needs a door."""
    gateway = suite.gateway or Gateway()
    authentication = gateway.security.authentication
    return DoorSettings(
        knows_people=suite.identity is not None,
        identity=suite.identity or Identity(),
        tenants=suite.tenants,
        public_url=public_url(suite),
        audience=gateway.jwt.audience,
        token_expiry_s=gateway.token_expiry,
        refresh_expiry_s=authentication.refresh_expiry,
        refresh_enabled=authentication.refresh_enabled,
        suite_folder=str(suite_folder.resolve()),
    )


def read_settings(file: Path) -> DoorSettings:
    """Raises GatewayError."""
    try:
        return DoorSettings.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as exc:
        raise GatewayError(f"cannot read {file}: {exc}; run `intertie up` again") from exc


def oauth_clients(settings: DoorSettings, folder: StateFolder) -> "Clients":
    """Raises IntertieError for a secret that is not there, or weak."""
    from intertie.identity.tokens.clients import Clients

    find = lookup(os.environ, folder.secrets)
    return Clients(settings.identity.clients, secret=partial(resolve, find=find))


def door_service(settings: DoorSettings, folder: StateFolder) -> Service:
    """Writes what it is told. What it cannot take while it runs is part of its command.

    Raises IntertieError for a client's secret that is not there, or weak.
    """
    if settings.identity.clients:
        oauth_clients(settings, folder)
    told = settings.model_dump_json()
    folder.identity.mkdir(mode=0o700, exist_ok=True)
    part = folder.identity / f"{SETTINGS}.part"
    part.write_text(told)
    part.replace(folder.identity / SETTINGS)
    digest = sha256(told.encode()).hexdigest()[:12]
    return Service(
        command=(sys.executable, "-m", "intertie.app.door", str(folder.root.resolve()), digest),
        working_dir=str(folder.envoy),
        environment={variable(name): reference(name) for name in names(told)},
        healthcheck=Healthcheck(notify=True, interval=1.0, start_period=30.0),
        restart=Restart(policy="always", max_attempts=None),
        stop_grace_period=5.0,
    )
