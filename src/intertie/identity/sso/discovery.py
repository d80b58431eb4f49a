"""What an OpenID provider says of itself, and its keys: fetched when needed, kept a while."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from intertie.identity.sso import ProviderError
from intertie.identity.sso.fetch import Fetch, check_address, place
from intertie.identity.sso.flight import Flight
from intertie.identity.sso.sealing import Json
from intertie.identity.tokens.jwk import Keys

_KEEP_S = 3600.0
_RETRY_S = 10.0
_OK = 200
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_MORE_ENDPOINTS = ("userinfo_endpoint", "end_session_endpoint")


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Metadata:
    """OpenID Connect Discovery 1.0, as far as it is used."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    auth_methods: tuple[str, ...] = ("client_secret_basic",)
    says_issuer: bool = False
    """Answers to browsers carry `iss` (RFC 9207)."""


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T | None = None
    at: float = -1e18
    tried: float = -1e18
    flight: Flight[T] = field(default_factory=Flight)


class Discovery:
    """One provider's metadata and keys. When it is away, what is known goes on to count."""

    def __init__(self, issuer: str, fetch: Fetch, now: Callable[[], datetime]) -> None:
        self._issuer = issuer
        self._fetch = fetch
        self._now = now
        self._metadata = _Kept[Metadata]()
        self._keys = _Kept[Keys]()

    async def metadata(self) -> Metadata:
        """Raises ProviderError."""
        return await self._current(self._metadata, self._fetch_metadata, _KEEP_S)

    async def keys(self, *, renewed: bool = False) -> Keys:
        """`renewed`: one was missing. Fetched at most every ten seconds. Raises ProviderError."""
        return await self._current(self._keys, self._fetch_keys, 0.0 if renewed else _KEEP_S)

    async def _current(self, kept: _Kept[T], fetch: Callable[[], Awaitable[T]], keep_s: float) -> T:
        moment = self._moment()
        is_due = moment - kept.at >= keep_s and moment - kept.tried >= _RETRY_S
        if kept.value is not None and not is_due:
            return kept.value

        async def renewed() -> T:
            kept.tried = moment
            kept.value = await fetch()
            kept.at = moment
            return kept.value

        try:
            return await kept.flight.share(renewed)
        except ProviderError:
            if kept.value is None:
                raise
            return kept.value

    def _moment(self) -> float:
        return self._now().timestamp()

    async def _fetch_metadata(self) -> Metadata:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        answer = await self._fetch.get(url)
        if answer.status != _OK or not answer.document:
            raise ProviderError(f"cannot read {place(url)}: it answers {answer.status}")
        told = answer.document
        if told.get("issuer") != self._issuer:
            raise ProviderError(
                f"cannot use {place(url)}: its issuer is {str(told.get('issuer'))[:200]!r},"
                f" not {self._issuer!r}; correct `issuer` in the suite file"
            )
        return _metadata(told)

    async def _fetch_keys(self) -> Keys:
        uri = (await self.metadata()).jwks_uri
        answer = await self._fetch.get(uri)
        try:
            if answer.status != _OK:
                raise ValueError(f"it answers {answer.status}")
            return Keys.parse(answer.document)
        except ValueError as exc:
            raise ProviderError(f"cannot read the keys at {place(uri)}: {exc}") from exc


def _metadata(told: Json) -> Metadata:
    found = {name: told.get(name) for name in _ENDPOINTS}
    found |= {name: told[name] for name in _MORE_ENDPOINTS if told.get(name)}
    for name, url in found.items():
        if not isinstance(url, str):
            raise ProviderError(f"cannot use the provider: it does not tell its {name}")
        check_address(url)
    methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Metadata(
        **{name: str(url) for name, url in found.items()},
        auth_methods=tuple(str(each) for each in methods) if isinstance(methods, list) else (),
        says_issuer=told.get("authorization_response_iss_parameter_supported") is True,
    )
