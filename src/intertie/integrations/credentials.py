"""Ways in which vendors want to know who asks. Each is a value; `sign` puts it into a request."""

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from intertie.integrations.call import Call
from intertie.integrations.errors import AuthExpiredError
from intertie.integrations.message import Request

if TYPE_CHECKING:
    from intertie.integrations.connector import Connector

Renewal = Literal["none", "reusable", "may_rotate", "single_use", "mint"]
"""What becomes of a refresh token when it is used; `mint` needs none."""
_EARLY_S = 60.0


class Auth(Protocol):
    """One way."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Settings without which it cannot be used; of several ways the first with all is taken."""
        ...

    async def sign(self, call: Call, request: Request) -> None:
        """Put it into the request. Raises AuthExpiredError, VendorDownError."""
        ...

    async def renew(self, call: Call) -> bool:
        """The vendor refused: whether trying once more makes sense."""
        ...


class _Fixed:
    """A way that stays the same: once refused, it is refused."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    async def renew(self, call: Call) -> bool:
        """Never."""
        return False


@dataclass(frozen=True)
class NoAuth(_Fixed):
    """Nobody is asked who it is."""

    async def sign(self, call: Call, request: Request) -> None:
        """Nothing."""


@dataclass(frozen=True)
class ApiKey(_Fixed):
    """A key in a header, or in the query where the vendor wants it there."""

    name: str
    """Of the header or parameter."""
    setting: str = "api_key"
    place: Literal["header", "query"] = "header"
    prefix: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """See Auth."""
        return (self.setting,)

    async def sign(self, call: Call, request: Request) -> None:
        """See Auth."""
        key = call.connection.secret(self.setting)
        if self.place == "header":
            request.headers[self.name] = f"{self.prefix}{key}"
        else:
            request.url = with_query(request.url, {self.name: key})


@dataclass(frozen=True)
class Bearer(_Fixed):
    """A token that somebody made at the vendor."""

    setting: str = "access_token"

    @property
    def needs(self) -> tuple[str, ...]:
        """See Auth."""
        return (self.setting,)

    async def sign(self, call: Call, request: Request) -> None:
        """See Auth."""
        request.headers["authorization"] = f"Bearer {call.connection.secret(self.setting)}"


@dataclass(frozen=True)
class Basic(_Fixed):
    """A name and a password."""

    user: str
    password: str

    @property
    def needs(self) -> tuple[str, ...]:
        """See Auth."""
        return (self.user, self.password)

    async def sign(self, call: Call, request: Request) -> None:
        """See Auth."""
        of = call.connection.secret
        pair = b64encode(f"{of(self.user)}:{of(self.password)}".encode()).decode()
        request.headers["authorization"] = f"Basic {pair}"


@dataclass(frozen=True)
class SignedQuery(_Fixed):
    """All parameters by name, with a secret behind them, as MD5 (Last.fm, "API signature")."""

    key: str = "api_key"
    secret: str = "shared_secret"  # noqa: S105 - the name of a setting
    session: str = "session_key"
    """Of a user; only calls that have one are signed."""
    unsigned: tuple[str, ...] = ("format", "callback")

    @property
    def needs(self) -> tuple[str, ...]:
        """See Auth."""
        return (self.key,)

    async def sign(self, call: Call, request: Request) -> None:
        """See Auth."""
        of = call.connection.secret
        in_body = request.body is not None
        text = request.body.decode() if request.body is not None else urlsplit(request.url).query
        told = dict(parse_qsl(text, keep_blank_values=True))
        told["api_key"] = of(self.key)
        if call.operation.effect != "read":
            told["sk"] = of(self.session)
            told["api_sig"] = self._signature(told, of(self.secret))
        if in_body:
            request.body = urlencode(told).encode()
        else:
            request.url = urlunsplit((*urlsplit(request.url)[:3], urlencode(told), ""))

    def _signature(self, told: Mapping[str, str], secret: str) -> str:
        text = "".join(f"{name}{told[name]}" for name in sorted(told) if name not in self.unsigned)
        return hashlib.md5(f"{text}{secret}".encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class DeveloperToken:
    """A token that we sign ourselves with a key of the vendor's (ES256; Apple)."""

    team: str = "team_id"
    key_id: str = "key_id"
    private_key: str = "private_key"
    """A setting: PEM, PKCS #8."""
    user_token: str = ""
    """A setting: of a person, sent as `music-user-token`."""
    lifetime_s: int = 3600

    @property
    def needs(self) -> tuple[str, ...]:
        """See Auth."""
        return (self.team, self.key_id, self.private_key)

    async def sign(self, call: Call, request: Request) -> None:
        """See Auth."""
        connection = call.connection
        token, until = connection.minted
        if call.connection.tools.clock() > until - _EARLY_S:
            token = self._mint(connection)
        call.token = token
        request.headers["authorization"] = f"Bearer {token}"
        if self.user_token and (theirs := connection.optional_secret(self.user_token)):
            request.headers["music-user-token"] = theirs

    async def renew(self, call: Call) -> bool:
        """A token of now, should a clock have been wrong."""
        held, _ = call.connection.minted
        call.connection.minted = ("", 0.0)
        return held == call.token and call.attempt <= 1

    def _mint(self, connection: "Connector") -> str:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey

        now = connection.tools.clock()
        until = now + self.lifetime_s
        header = {"alg": "ES256", "kid": connection.secret(self.key_id)}
        claims = {"iss": connection.secret(self.team), "iat": int(now), "exp": int(until)}
        pem = connection.secret(self.private_key)
        try:
            token = jwt.encode(header, claims, ECKey.import_key(pem)) if "-----BEGIN" in pem else ""
        except (ValueError, JoseError):
            token = ""
        if not token:
            # No cause, because its text may show the key.
            raise AuthExpiredError(
                f"cannot sign for {connection.label}: `{self.private_key}` is no key in PEM of the"
                " curve P-256"
            )
        connection.minted = (token, until)
        return token


@dataclass(frozen=True)
class OAuth2:
    """Tokens by OAuth 2.0 (RFC 6749): granted by a person, or (no `authorize`) to the program."""

    token: str
    """Address of the token endpoint."""
    authorize: str = ""
    """Address of the consent page; without one the program gets tokens for itself."""
    pkce: bool = True
    renewal: Renewal = "may_rotate"
    margin_s: float = 300.0
    """Tokens are renewed so long before they end."""
    client_id: str = "client_id"
    client_secret: str = "client_secret"  # noqa: S105 - the name of a setting
    proves_by: Literal["basic", "body"] = "basic"
    """Where the client's secret goes."""
    separator: str = " "
    """Between scopes."""
    scopes: Sequence[str] = ()
    """What is asked for unless the connection says so."""
    revoke: str = ""
    """Address at which a grant is given back."""
    extra: tuple[tuple[str, str], ...] = ()
    """Parameters that the consent page wants beside the usual ones."""
    alone: bool = False
    """With the setting `scope` empty and no consent, the program gets tokens for itself."""

    @property
    def needs(self) -> tuple[str, ...]:
        """A public client has no secret, and proves nothing but PKCE (RFC 8252)."""
        return (self.client_id,)

    async def sign(self, call: Call, request: Request) -> None:
        """See Auth."""
        grants = call.connection.tools.grants
        if grants is None:
            raise AuthExpiredError(f"cannot log in as {call.connection.label}: no grants are kept")
        token = grants.held(call.connection) or await grants.token(call.connection, self)
        call.token = token
        request.headers["authorization"] = f"Bearer {token}"

    async def renew(self, call: Call) -> bool:
        """Once, with another token."""
        grants = call.connection.tools.grants
        if grants is not None:
            await grants.refused(call.connection, call.token)
        return grants is not None


def with_query(url: str, more: Mapping[str, str]) -> str:
    """The address with these parameters in its query too."""
    joint = "&" if "?" in url else "?"
    return f"{url}{joint}{urlencode(more, quote_via=quote)}"


def chosen(ways: Sequence[Auth], has: "frozenset[str]") -> Auth | None:
    """The first whose settings are all there."""
    return next((way for way in ways if has >= set(way.needs)), None)
