"""What all connections to AWS share: one session, the descriptions of services, and clients."""

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import partial
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from anyio import to_thread

from intertie.integrations.call import Tools
from intertie.integrations.errors import EgressError, InvalidError

Client = Any  # botocore makes its clients' methods while it runs, and ships no types
_NAME = "botocore"
_MOST = 256
_POOL = 32
"""Connections that one client keeps open."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks: a key of its own, or a profile of this machine's."""

    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    profile: str = ""

    @property
    def digest(self) -> str:
        """Tells identities apart without showing them."""
        parts = (self.access_key_id, self.secret_access_key, self.session_token, self.profile)
        return sha256("\0".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Place:
    """Where, and for how long."""

    region: str
    endpoint_url: str | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service as botocore describes it."""

    name: str
    operations: Mapping[str, Any]
    """By the names that Python has for them."""

    def operation(self, name: str) -> Any:
        """Its description. Raises InvalidError."""
        found = self.operations.get(name)
        if found is None:
            near = get_close_matches(name, self.operations, 1)
            hint = f"did you mean {near[0]}?" if near else f"see the API reference of {self.name}"
            raise InvalidError(
                f"cannot call {self.name}.{name[:80]}: {self.name} has no such operation; {hint}"
            )
        return found


class Clients:
    """Made in threads, at most so many: who was not asked for longest is closed first.

    botocore's sessions are for one thread at a time, its clients for all.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._loader: Any = None
        self._sessions: dict[str, Any] = {}
        self._suffixes: tuple[str, ...] = ()
        self._services: dict[str, Service] = {}
        self._clients = OrderedDict[tuple[str, str, Place], Client]()
        self.made = 0
        """Clients so far."""

    def __len__(self) -> int:
        return len(self._clients)

    @property
    def sessions(self) -> int:
        """How many there are: one, and one for each profile."""
        return len(self._sessions)

    def known(self, name: str) -> Service | None:
        """A service that was described before."""
        return self._services.get(name)

    def service(self, name: str) -> Service:
        """A service; in a thread, for it reads files. Raises InvalidError."""
        with self._lock:
            found = self._services.get(name)
            if found is None:
                found = self._services[name] = _described(self._session(""), name)
            return found

    def client(self, service: str, identity: Identity, place: Place) -> Client:
        """A client; in a thread, for it reads files."""
        key = (service, identity.digest, place)
        with self._lock:
            found = self._clients.get(key)
            if found is None:
                found = self._clients[key] = self._make(service, identity, place)
                self.made += 1
            self._clients.move_to_end(key)
            gone = self._clients.popitem(last=False)[1] if len(self) > self._most else None
        if gone is not None:
            gone.close()
        return found

    async def aclose(self) -> None:
        """See Shared."""
        await to_thread.run_sync(self._close)

    def _close(self) -> None:
        with self._lock:
            while self._clients:
                self._clients.popitem()[1].close()

    def _make(self, service: str, identity: Identity, place: Place) -> Client:
        from botocore.config import Config

        session = self._session(identity.profile)
        client = session.create_client(
            service,
            region_name=place.region,
            endpoint_url=place.endpoint_url,
            aws_access_key_id=identity.access_key_id or None,
            aws_secret_access_key=identity.secret_access_key or None,
            aws_session_token=identity.session_token or None,
            config=Config(
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=place.timeout_s,
                read_timeout=place.timeout_s,
                max_pool_connections=_POOL,
                parameter_validation=False,  # done before
                ignore_configured_endpoint_urls=True,
                proxies={},
                signature_version="s3v4" if service == "s3" else None,
            ),
        )
        hosts = (urlsplit(place.endpoint_url).hostname or "",) if place.endpoint_url else ()
        client.meta.events.register("before-send", partial(_guard, hosts or self._suffixes))
        return client

    def _session(self, profile: str) -> Any:
        """One for all identities that come with keys: it knows nothing of this machine's."""
        if profile in self._sessions:
            return self._sessions[profile]
        library = _library()
        if self._loader is None:
            self._loader = library.create_loader()
            self._suffixes = tuple(_suffixes(self._loader.load_data("partitions")))
        alone = {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
        session = library.Session(session_vars=None if profile else alone, profile=profile or None)
        session.register_component("data_loader", self._loader)
        self._sessions[profile] = session
        return session


def clients_of(tools: Tools) -> Clients:
    """Those of a registry."""
    found = tools.shared.setdefault(_NAME, Clients())
    assert isinstance(found, Clients)  # noqa: S101 - nobody else has this name
    return found


class _Library:
    """What is used of botocore; importing it takes a tenth of a second."""

    def __init__(self) -> None:
        from botocore.loaders import create_loader
        from botocore.session import Session

        self.Session, self.create_loader = Session, create_loader


def _library() -> _Library:
    try:
        return _Library()
    except ModuleNotFoundError as exc:
        raise InvalidError(
            "cannot call AWS: botocore is not installed; run: pip install 'intertie[aws]'"
        ) from exc


def _described(session: Any, name: str) -> Service:
    from botocore import xform_name

    known: Sequence[str] = session.get_available_services()
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"{len(known)} others are known"
        raise InvalidError(f"cannot call AWS service {name[:80]!r}: there is none; {hint}")
    model = session.get_service_model(name)
    return Service(name, {xform_name(o): model.operation_model(o) for o in model.operation_names})


def _suffixes(partitions: Mapping[str, Any]) -> list[str]:
    outputs = [each["outputs"] for each in partitions["partitions"]]
    return sorted({each[name] for each in outputs for name in ("dnsSuffix", "dualStackDnsSuffix")})


def _guard(hosts: Sequence[str], request: Any, **_: object) -> None:
    """An argument may name another host than its service's: none but AWS's own is asked."""
    host = urlsplit(request.url).hostname or ""
    if not any(host == each or host.endswith(f".{each}") for each in hosts):
        raise EgressError(f"cannot call {host[:200]} for AWS: it is none of its addresses")
