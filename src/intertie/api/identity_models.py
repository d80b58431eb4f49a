"""Bodies and answers about identities. No answer to a GET holds a secret."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, SecretStr

from intertie.api.models import Body, TokenBody
from intertie.suite.values import MAX_DURATION_S, Name, RoleName, parse_duration

Login = Annotated[str, Field(pattern=r"^[!-~]{1,254}$")]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Line = Annotated[str, Field(max_length=200)]
Password = Annotated[SecretStr, Field(min_length=12, max_length=1024)]
Groups = Annotated[list[Word], Field(max_length=1000)]
Roles = Annotated[list[RoleName], Field(max_length=100)]
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,30}"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
Email = Annotated[
    str,
    Field(pattern=rf"^$|^{_ATOM}(\.{_ATOM}){{0,1}}@({_LABEL}\.){{1,3}}[A-Za-z0-9]{{2,24}}$"),
    Field(max_length=254),
]
Bool = Annotated[bool, Field(strict=True)]
_Span = Annotated[str, Field(pattern=r"^[0-9]{1,8}(ms|s)$|^([0-9]{1,3}[mhd]){1,3}$")]
_Seconds = Annotated[float, Field(ge=0, le=MAX_DURATION_S)]
Overlap = Annotated[float, BeforeValidator(parse_duration, json_schema_input_type=_Span | _Seconds)]
Phone = Annotated[str, Field(pattern=r"^(\+[0-9]{6,15})?$")]
Cidr = Annotated[str, Field(max_length=49)]
Scope = Annotated[str, Field(pattern=r"^[!#-\[\]-~]{1,200}$")]


class UserBody(Body):
    """A new user."""

    login: Login
    """Unique in its tenant, whatever its case."""
    tenant: Name | None = None
    """None is the caller's own, or the default one."""
    password: Password | None = None
    """Without one it can come in by single sign-on only."""
    email: Email = ""
    email_verified: Bool = False
    """Somebody has made sure that it is theirs."""
    phone: Phone = ""
    """As `+491701234567`."""
    name: Line = ""
    groups: Groups = Field(default_factory=list)
    roles: Roles = Field(default_factory=list)
    """Beside those that its groups give."""


class UserChange(Body):
    """What to change of a user; what is left out stays as it is."""

    email: Email = ""
    """A new one is not verified unless that is said too."""
    email_verified: Bool = False
    phone: Phone = ""
    name: Line = ""
    groups: Groups = Field(default_factory=list)
    roles: Roles = Field(default_factory=list)


class GroupsBody(Body):
    """All groups that a user is in."""

    groups: Groups


class PasswordBody(Body):
    """A new password."""

    password: Password


class UserView(BaseModel):
    """A user, as in lists."""

    id: str
    login: str
    tenant: str
    created: datetime
    enabled: bool
    name: str
    email: str
    email_verified: bool
    phone: str
    groups: list[str]
    roles: list[str]
    """All, those of its groups too."""
    own_roles: list[str]
    """Those it has beside its groups."""


class UserDetail(UserView):
    """A user with how it comes in."""

    has_password: bool
    factors: list[str]
    """Second factors: `totp`, `passkey`, `sms`, `email`."""
    sessions: int
    """Logins that have not ended."""
    keys: int
    """API keys that end with it."""
    accounts: list[str]
    """Providers that it logs in with."""


class UserPage(BaseModel):
    """A page of users; `total` counts all that fit."""

    items: list[UserView]
    page: int
    limit: int
    total: int


class Factors(BaseModel):
    """Which second factors were forgotten."""

    removed: list[str]


class GroupBody(Body):
    """A new group."""

    name: Login
    tenant: Name | None = None
    """None is the caller's own, or the default one."""
    description: Line = ""


class GroupView(BaseModel):
    """A group; which roles it gives is in `group_mapping` of the suite file."""

    name: str
    tenant: str | None
    """None: it is in the suite file, for every tenant."""
    description: str
    roles: list[str]


class GroupPage(BaseModel):
    """A page of groups; `total` counts all of them."""

    items: list[GroupView]
    page: int
    limit: int
    total: int


class RouteView(BaseModel):
    """A route of the gateway."""

    path: str
    methods: list[str]
    service: str | None


class RoleView(BaseModel):
    """A role: what gives it, and what it opens."""

    name: str
    groups: list[str]
    """Of the suite file, that give it."""
    routes: list[RouteView]
    """That need it, or another one."""
    api: Literal["read", "write"] | None
    """Whether it opens the management API."""


class RolePage(BaseModel):
    """A page of roles; `total` counts all of them."""

    items: list[RoleView]
    page: int
    limit: int
    total: int


class KeyBody(Body):
    """A new API key."""

    name: Word
    """For people to know it by."""
    tenant: Name | None = None
    """None is the caller's own, or the default one."""
    owner: Word | None = None
    """The id of a user: the key ends with it, and has none of the roles that it loses."""
    roles: Roles = Field(default_factory=list)
    """Of a key with an owner: which of its roles; empty is all of them."""
    scopes: Annotated[list[Scope], Field(max_length=100, default_factory=list)]
    cidrs: Annotated[
        list[Annotated[str, Field(max_length=49)]], Field(max_length=100, default_factory=list)
    ]
    """Where it may be used from, such as `192.0.2.0/24`; empty is everywhere."""
    expires: AwareDatetime | None = None
    mode: Literal["hashed", "sealed"] = "hashed"
    """`sealed` is kept encrypted, for a gateway that checks it without asking."""


class RotationBody(Body):
    """How to rotate a key."""

    overlap: Overlap = 86400.0
    """How long the text from before still opens."""


class SecretView(BaseModel):
    """One text of a key, by its end."""

    last4: str
    created: datetime
    until: datetime | None
    """When it ends, because a newer one is there."""


class KeyView(BaseModel):
    """An API key; nothing in it opens anything."""

    id: str
    name: str
    tenant: str
    state: Literal["active", "expired", "revoked"]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    last_used: datetime | None
    """To the hour."""
    owner: str | None
    roles: list[str]
    scopes: list[str]
    cidrs: list[str]
    mode: Literal["hashed", "sealed"]
    secrets: list[SecretView]


class NewKeyView(KeyView):
    """A key, and the only sight of its text."""

    text: str
    """Show it as `x-api-key`."""


class KeyPage(BaseModel):
    """A page of keys; `total` counts all that fit."""

    items: list[KeyView]
    page: int
    limit: int
    total: int


class RatesView(BaseModel):
    """How much a tenant may ask for in all; None is as much as it likes."""

    requests_per_minute: int | None
    requests_per_hour: int | None
    burst_limit: int | None


class TenantView(BaseModel):
    """A tenant as the suite file has it, and how many users and keys there are."""

    name: str
    users: int
    keys: int
    rate_limits: RatesView
    features: list[str]
    sla: str | None
    """Part of the time its requests are to be answered: `99.9%`."""
    domains: list[str]
    session_duration: float | None
    """In seconds."""
    routes: list[RouteView]
    """Of its own."""


class TenantPage(BaseModel):
    """A page of tenants; `total` counts all of them."""

    items: list[TenantView]
    page: int
    limit: int
    total: int


class UsedView(BaseModel):
    """How much of one limit is used."""

    policy: str
    route: str
    """`*` is all routes without a rate of their own."""
    limit: int
    window_s: int
    used: int
    remaining: int
    reset_s: int
    """Until more is free."""


class EntryView(BaseModel):
    """A row of the audit trail."""

    seq: int
    at: datetime
    actor: str
    action: str
    target: str
    outcome: Literal["done", "refused"]
    detail: dict[str, str | int | bool | None]
    via: str
    address: str
    previous: str
    """The hash of the row before."""
    hash: str


class EntryPage(BaseModel):
    """Rows, newest first."""

    items: list[EntryView]
    limit: int
    next: int | None
    """`before` of the page after this one; None when this is the last."""


class BrokenView(BaseModel):
    """The first row that is not what was written."""

    seq: int
    why: str


class VerdictView(BaseModel):
    """Whether every row of the audit trail is as it was written."""

    intact: bool
    broken: BrokenView | None
    anchor: str
    """Where the chain ends now; kept elsewhere, it shows later that rows were cut off."""


class MintBody(TokenBody):
    """Whom a token is for: a user of the suite, or anybody by name."""

    subject: Annotated[str, Field(min_length=1, max_length=200)] = "local"
    user: Login | None = None
    """The login of a user, whose id, roles and groups the token then has."""
    tenant: Name = "default"


class RevocationBody(Body):
    """Which token is no longer good."""

    token: Annotated[str, Field(min_length=1, max_length=16_384)]
    """The token itself, or its `jti`."""


class ReplacedKeys(BaseModel):
    """The keys that tokens are signed with are others."""

    kid: str
    """Of the key that signs from now on."""


class Resealed(BaseModel):
    """What is kept sealed is under a new master key."""

    count: int
    """Of the things that were sealed: API keys, authenticator apps, grants, keys of tenants."""


class Revoked(BaseModel):
    """A token that the gateway no longer takes."""

    id: str
    """Its `jti`."""
