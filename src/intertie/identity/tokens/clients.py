"""Programs that may ask for tokens: what they are known by, and what they may ask for."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from intertie.errors import IntertieError
from intertie.suite.oauth_client import GrantType, OAuthClient
from intertie.suite.values import DEFAULT_TENANT

_MIN_SECRET = 32


class ClientError(IntertieError):
    """A client's secret is none."""


@dataclass(frozen=True, slots=True)
class Client:
    """A program that the suite declares."""

    id: str
    public: bool
    """It cannot keep a secret: a page in a browser, an app on a telephone."""
    redirect_uris: tuple[str, ...]
    """Compared letter by letter."""
    logout_uris: tuple[str, ...]
    grants: tuple[GrantType, ...]
    scopes: tuple[str, ...]
    """What it may ask for, and gets when it asks for nothing."""
    tenant: str
    """Whose it is when it acts for itself."""
    roles: tuple[str, ...]
    """What it may do when it acts for itself."""
    introspects: bool
    """It may ask about tokens of others."""

    @classmethod
    def declared(cls, id: str, told: OAuthClient) -> Self:
        """As the suite file has it."""
        return cls(
            id,
            public=not told.client_secret,
            redirect_uris=told.redirect_uris,
            logout_uris=told.logout_uris,
            grants=told.grants,
            scopes=told.scopes,
            tenant=told.tenant or DEFAULT_TENANT,
            roles=told.roles,
            introspects=told.introspects,
        )


class Clients:
    """Those of a suite. Of their secrets it keeps hashes only."""

    def __init__(
        self, declared: Mapping[str, OAuthClient], *, secret: Callable[[str], str]
    ) -> None:
        """`secret` gives what a reference stands for. Raises ClientError for a weak one."""
        self._clients = {id: Client.declared(id, told) for id, told in declared.items()}
        self._secrets = {
            id: [_hash(_strong(id, secret(each))) for each in told.client_secret]
            for id, told in declared.items()
        }

    def find(self, id: str) -> Client | None:
        """The client of this name."""
        return self._clients.get(id)

    def authenticate(self, id: str, secret: str) -> Client | None:
        """The confidential client that has this secret. An unknown name takes as long."""
        shown = _hash(secret)
        same = [hmac.compare_digest(shown, each) for each in self._secrets.get(id, [_NOBODYS])]
        return self._clients.get(id) if any(same) else None


def _strong(id: str, secret: str) -> str:
    if len(secret) < _MIN_SECRET:
        raise ClientError(
            f"cannot use the secret of client {id!r}: it has {len(secret)} characters; make one of"
            f" {_MIN_SECRET} or more, for instance with: openssl rand -hex 32"
        )
    return secret


def _hash(secret: str) -> bytes:
    """Unsalted: a secret of this length is not guessed."""
    return sha256(secret.encode()).digest()


_NOBODYS = _hash("")
