"""Logins at an OpenID Connect provider: code flow with PKCE, as RFC 9700 wants it."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote_plus, urlencode

from intertie.identity.sso import LoginRefusedError, ProviderError, claims
from intertie.identity.sso.claims import Ended, Expected, UnknownKeyError
from intertie.identity.sso.discovery import Discovery, Metadata
from intertie.identity.sso.fetch import Answer, Fetch
from intertie.identity.sso.flows import AGAIN, Flow
from intertie.identity.sso.people import Person, names, text
from intertie.identity.sso.sealing import Json
from intertie.suite.values import DEFAULT_TENANT

_OK = 200
_MAX_PARAMETER = 4096
_REFUSED = frozenset({"invalid_grant", "invalid_client", "unauthorized_client"})
_MAY_ASK = frozenset({"login", "select_account", "consent", "create"})


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """As in the suite file; the secret is the word itself."""

    name: str
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    groups_claim: str = "groups"
    allowed_domains: tuple[str, ...] = ()
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a provider gave with a login."""

    id_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    lasts_s: float = 0.0
    """0: it does not say."""


@dataclass(frozen=True, slots=True)
class Login:
    """A person, and the session the provider keeps for them."""

    person: Person
    sid: str
    tokens: Tokens


class GrantEndedError(LoginRefusedError):
    """The provider does not renew this login any more."""


class Oidc:
    """One provider."""

    def __init__(
        self, settings: OidcSettings, fetch: Fetch, *, now: Callable[[], datetime]
    ) -> None:
        self.settings = settings
        self._fetch = fetch
        self._now = now
        self._discovery = Discovery(settings.issuer, fetch, now)
        self._expected = Expected(settings.issuer, settings.client_id)

    async def address(
        self, flow: Flow, redirect_uri: str, *, prompt: str = "", login_hint: str = ""
    ) -> str:
        """Where the browser is sent to log in. Raises ProviderError."""
        metadata = await self._discovery.metadata()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": flow.id,
            "nonce": flow.nonce,
            "code_challenge": _challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        if prompt in _MAY_ASK:
            asked["prompt"] = prompt
        elif "offline_access" in self.settings.scopes:
            asked["prompt"] = "consent"  # OpenID Connect Core, 11: else the scope is ignored
        if login_hint := text(login_hint):
            asked["login_hint"] = login_hint
        return _with_query(metadata.authorization_endpoint, asked)

    async def finish(self, flow: Flow, answer: Mapping[str, str], redirect_uri: str) -> Login:
        """Who came back. Raises LoginRefusedError, ProviderError."""
        metadata = await self._discovery.metadata()
        self._check_answer(flow, answer, metadata)
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": redirect_uri,
            "code_verifier": flow.verifier,
        }
        return await self._login(await self._ask_for_tokens(form, metadata), metadata, flow.nonce)

    async def renew(self, refresh_token: str, subject: str) -> Login:
        """The same person again. Raises GrantEndedError, LoginRefusedError, ProviderError."""
        metadata = await self._discovery.metadata()
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        told = {"refresh_token": refresh_token, **await self._ask_for_tokens(form, metadata)}
        login = await self._login(told, metadata, None)
        if login.person.subject != subject:
            raise GrantEndedError("cannot renew the login: the provider names another user")
        return login

    async def ended(self, token: str) -> Ended:
        """What a logout token ends. Raises LoginRefusedError, ProviderError."""
        moment = self._now().timestamp()
        try:
            keys = await self._discovery.keys()
            return claims.logout_token(token, keys, self._expected, now=moment)
        except UnknownKeyError:
            keys = await self._discovery.keys(renewed=True)
            return claims.logout_token(token, keys, self._expected, now=moment)

    async def logout_address(self, id_token: str, return_to: str, state: str) -> str | None:
        """Where the browser is sent to log out there too. Raises ProviderError."""
        end = (await self._discovery.metadata()).end_session_endpoint
        if not end:
            return None
        asked = {
            "client_id": self.settings.client_id,
            "post_logout_redirect_uri": return_to,
            "state": state,
        }
        return _with_query(end, asked | ({"id_token_hint": id_token} if id_token else {}))

    def is_issuer(self, issuer: str) -> bool:
        """Whether it is this provider's name."""
        return issuer == self.settings.issuer

    def _check_answer(self, flow: Flow, answer: Mapping[str, str], metadata: Metadata) -> None:
        if any(len(value) > _MAX_PARAMETER for value in answer.values()):
            raise LoginRefusedError(f"cannot log in: the provider's answer is too long; {AGAIN}")
        issuer = answer.get("iss")
        if issuer != self.settings.issuer and (issuer is not None or metadata.says_issuer):
            raise LoginRefusedError(f"cannot log in: another provider answered; {AGAIN}")
        if not hmac.compare_digest(answer.get("state", "").encode(), flow.id.encode()):
            raise LoginRefusedError(f"cannot log in: the answer is for another login; {AGAIN}")
        if error := answer.get("error"):
            told = text(answer.get("error_description")) or text(error) or "an error"
            raise LoginRefusedError(f"cannot log in: the provider says {told!r}; {AGAIN}")
        if not answer.get("code"):
            raise LoginRefusedError(f"cannot log in: the provider sent no code; {AGAIN}")

    async def _ask_for_tokens(self, form: dict[str, str], metadata: Metadata) -> Json:
        headers: dict[str, str] = {}
        secret = self.settings.client_secret
        if secret is None:
            form["client_id"] = self.settings.client_id
        elif "client_secret_basic" in metadata.auth_methods:
            headers["authorization"] = _basic(self.settings.client_id, secret)
        else:
            form |= {"client_id": self.settings.client_id, "client_secret": secret}
        answer = await self._fetch.post(metadata.token_endpoint, form, headers)
        return _tokens(answer)

    async def _login(self, told: Json, metadata: Metadata, nonce: str | None) -> Login:
        token, access = told.get("id_token"), told.get("access_token")
        if not isinstance(token, str) or not isinstance(access, str):
            raise ProviderError("cannot log in: the provider sent no ID token; is `openid` asked?")
        found = await self._id_token(token, nonce)
        claims.check_access_token(found, access)
        person = self._person(found | await self._more(found, access, metadata))
        refresh, lasts = told.get("refresh_token"), told.get("expires_in")
        tokens = Tokens(
            token,
            refresh if isinstance(refresh, str) else "",
            float(lasts) if isinstance(lasts, int | float) and lasts > 0 else 0.0,
        )
        return Login(person, text(found.get("sid")), tokens)

    async def _id_token(self, token: str, nonce: str | None) -> Json:
        moment = self._now().timestamp()
        try:
            keys = await self._discovery.keys()
            return claims.id_token(token, keys, self._expected, now=moment, nonce=nonce)
        except UnknownKeyError:
            keys = await self._discovery.keys(renewed=True)
            return claims.id_token(token, keys, self._expected, now=moment, nonce=nonce)

    async def _more(self, found: Json, access: str, metadata: Metadata) -> Json:
        """Claims that the provider tells at its userinfo endpoint only."""
        if {"email", self.settings.groups_claim} <= found.keys() or not metadata.userinfo_endpoint:
            return {}
        bearer = {"authorization": f"Bearer {access}"}
        answer = await self._fetch.get(metadata.userinfo_endpoint, bearer)
        if answer.status != _OK:
            return {}
        if answer.document.get("sub") != found["sub"]:
            raise LoginRefusedError(f"cannot log in: the provider names two users; {AGAIN}")
        # What is signed counts more.
        return {name: value for name, value in answer.document.items() if name not in found}

    def _person(self, found: Json) -> Person:
        methods = found.get("amr")
        return Person(
            provider=self.settings.name,
            subject=found["sub"],
            tenant=self.settings.tenant,
            email=text(found.get("email")),
            email_verified=found.get("email_verified") is True,
            name=text(found.get("name")) or text(found.get("preferred_username")),
            groups=names(found.get(self.settings.groups_claim)),
            hosted_domain=text(found.get("hd")),
            methods=tuple(str(each)[:40] for each in methods[:20])
            if isinstance(methods, list)
            else (),
        )


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _with_query(url: str, asked: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(asked)}"


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749, 2.3.1: both are form-encoded first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _tokens(answer: Answer) -> Json:
    if answer.status == _OK and answer.document:
        return answer.document
    error = text(answer.document.get("error"))
    if error in _REFUSED:
        raise GrantEndedError(f"cannot log in: the provider says {error!r}; {AGAIN}")
    raise ProviderError(f"cannot log in: the provider's tokens answer {answer.status} {error}")
