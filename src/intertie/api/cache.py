"""REST routes of the gateway's cache."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict, JsonValue

from intertie.api.access import Reader, Use, Writer
from intertie.api.identity_route import IdentityRoute
from intertie.api.models import Body, Flag
from intertie.control.cache import CacheReason, Purged, Request, Scope
from intertie.suite.values import Name

Text = Annotated[str, Field(min_length=1, max_length=8192, pattern=r"^[!-~]+$")]
_Header = Annotated[str, Field(max_length=8192, pattern=r"^[ -~]*$")]
_Method = Annotated[str, Field(pattern=r"^[A-Z]{1,20}$")]
_HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]

router = APIRouter(prefix="/api/cache", tags=["cache"], route_class=IdentityRoute)


_TEXT: JsonDict = {"type": "string"}
_ONE_OF: list[JsonValue] = [
    {"required": ["url"], "properties": {"url": _TEXT}},
    {"required": ["prefix"], "properties": {"prefix": _TEXT}},
    {"required": ["tag"], "properties": {"tag": _TEXT}},
    {"required": ["all"], "properties": {"all": {"const": True}}},
]


class PurgeBody(Body):
    """What to forget: exactly one of `url`, `prefix`, `tag` and `all`."""

    url: Text | None = None
    """`/path?query` of every host, or `http://host/path`."""
    prefix: Text | None = None
    """The same, of all whose path begins so."""
    tag: Text | None = None
    """In Cache-Tag or Surrogate-Key."""
    all: Flag = False
    tenant: Name | None = None
    """Of this one only."""

    model_config = ConfigDict(json_schema_extra={"oneOf": _ONE_OF})

    @model_validator(mode="after")
    def _one_of_them(self) -> "PurgeBody":
        if sum(each is not None for each in (self.url, self.prefix, self.tag)) + self.all != 1:
            raise ValueError("say exactly one of url, prefix, tag and all")
        return self

    @property
    def scope(self) -> tuple[Scope, str]:
        """Which one it is, and its value."""
        if self.url is not None:
            return "url", self.url
        if self.prefix is not None:
            return "prefix", self.prefix
        return ("all", "") if self.tag is None else ("tag", self.tag)


class WhyBody(Body):
    """A request, as a client would send it."""

    url: Text
    """`/path?query` at the gateway's own address, or `http://host/path`."""
    method: _Method = "GET"
    headers: Annotated[
        dict[_HeaderName, _Header],
        Field(
            max_length=100,
            default_factory=dict[str, str],
            json_schema_extra={"additionalProperties": False},  # names that fit no header
        ),
    ]
    """Those that the gateway makes of an identity (`x-client-id`, …) may be among them."""
    tenant: Name | None = None


@router.get("")
async def stats(control: Use, actor: Reader) -> dict[str, int]:
    """Hits, misses, bytes and evictions since the cache was started, and how full it is."""
    return dict(await control.cache.stats(actor))


@router.post("/purge")
async def purge(control: Use, actor: Writer, body: PurgeBody) -> Purged:
    """Forget kept answers: of a URL, below a prefix, with a tag, or all."""
    scope, value = body.scope
    return await control.cache.purge(actor, scope, value, tenant=body.tenant)


@router.post("/why")
async def why(control: Use, actor: Reader, body: WhyBody) -> CacheReason:
    """What would happen to a request, by which rule, and what is kept of its address."""
    return await control.cache.why(actor, Request(**body.model_dump()))
