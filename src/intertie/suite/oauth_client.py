"""Programs that may ask the suite's own issuer for tokens (RFC 6749, OpenID Connect)."""

from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from intertie.suite.secret import Reference
from intertie.suite.values import Flag, Model, Name, Roles, at, one_or_more

_SCOPE = r"^[\x21\x23-\x5b\x5d-\x7e]{1,100}$"  # RFC 6749 section 3.3
_MAX_URI = 2000
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

GrantType = Literal["authorization_code", "refresh_token", "client_credentials"]


def _return_address(uri: str) -> str:
    if not _safe(uri):
        raise ValueError(
            "users cannot be sent there: expected https://…, http://127.0.0.1…, or a scheme of an"
            " app such as com.example.app:/done, without a fragment"
        )
    return uri


def _safe(uri: str) -> bool:
    plain = uri.isascii() and uri.isprintable() and not set(uri) & set(' "<>\\^`{|}#*')
    if len(uri) > _MAX_URI or not plain:
        return False
    try:
        parts = urlsplit(uri)
        return _web(parts) if parts.scheme in {"http", "https"} else "." in parts.scheme
    except ValueError:
        return False


def _web(parts: SplitResult) -> bool:
    if not parts.hostname or "@" in parts.netloc:
        return False
    _ = parts.port  # raises ValueError unless it is a number in range
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


ReturnAddresses = Annotated[
    tuple[Annotated[str, AfterValidator(_return_address)], ...],
    Field(max_length=50),
    BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
]


class OAuthClient(Model):
    """A program that may ask for tokens; its name is its `client_id`."""

    client_secret: Annotated[
        tuple[Reference, ...],
        Field(max_length=2),
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    ] = ()
    """What it proves itself by, a reference; two are both good while one replaces the other. None
    is a public client, which cannot keep a secret: a page in a browser, an app on a telephone."""
    redirect_uris: ReturnAddresses = ()
    """Where users come back to after the login; compared letter by letter."""
    logout_uris: ReturnAddresses = ()
    """Where users may be sent after logging out."""
    grants: Annotated[
        tuple[GrantType, ...],
        Field(min_length=1),
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    ] = ("authorization_code", "refresh_token")
    """How it may get tokens."""
    scopes: Annotated[
        tuple[Annotated[str, Field(pattern=_SCOPE)], ...],
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    ] = ("openid",)
    """What it may ask for, and gets when it asks for nothing."""
    tenant: Name | None = None
    """Whose it is when it acts for itself; None is the default tenant."""
    roles: Roles = ()
    """What it may do when it acts for itself (`client_credentials`)."""
    introspects: Flag = False
    """It may ask about tokens of others, as a service does that is shown them."""

    @model_validator(mode="after")
    def _can_do_what_it_may(self) -> Self:
        if "authorization_code" in self.grants and not self.redirect_uris:
            raise at("redirect_uris", "a client of `authorization_code` needs an address to go to")
        if not self.client_secret:
            if "client_credentials" in self.grants:
                raise at(
                    "grants", "without `client_secret` it cannot prove that it acts for itself"
                )
            if self.introspects:
                raise at("introspects", "without `client_secret` it cannot ask about tokens")
        return self
