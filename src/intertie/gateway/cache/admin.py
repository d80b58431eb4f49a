"""Management of a running cache: purge, count, explain. JSON over HTTP on a socket of its owner."""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intertie.gateway.cache.engine import Engine
from intertie.gateway.cache.fetch import Body
from intertie.gateway.cache.message import Request, block, status_line
from intertie.gateway.cache.reply import Client, Reply
from intertie.gateway.cache.store import Address
from intertie.gateway.cache.why import Question, explain

_MAX_BODY: Final = 64 * 1024


class Purge(BaseModel):
    """What to forget: exactly one of `url`, `prefix`, `tag`, `everything` and `expired`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    url: str | None = Field(default=None, min_length=1)
    """`/path?query` of every host, or `http://host/path`."""
    prefix: str | None = Field(default=None, min_length=1)
    """The same, of all whose path begins so."""
    tag: str | None = Field(default=None, min_length=1)
    """In Cache-Tag or Surrogate-Key."""
    everything: bool = False
    """All."""
    expired: bool = False
    """What is too stale to be of use, of all tenants."""
    tenant: str | None = None
    """Of this one only."""


class Desk:
    """Answers requests of the management socket."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def quick(self, request: Request) -> Reply | None:
        """Nothing is worth a short cut."""
        del request
        return None

    async def answer(self, request: Request, client: Client, body: Body | None) -> None:
        """One call."""
        text = b""
        if body is not None:
            async for chunk in body.chunks():
                text += chunk
                if len(text) > _MAX_BODY:
                    _send(client, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _fault("it is too long"))
                    return
        try:
            status, told = self._call(request, text)
        except ValidationError as exc:
            status, told = HTTPStatus.BAD_REQUEST, _fault(str(exc))
        _send(client, status, told)

    def _call(self, request: Request, text: bytes) -> tuple[HTTPStatus, object]:
        match (request.method, request.target):
            case (b"GET", b"/stats"):
                return HTTPStatus.OK, self._engine.stats()
            case (b"POST", b"/purge"):
                return self._purge(Purge.model_validate_json(text))
            case (b"POST", b"/why"):
                question = Question.model_validate_json(text)
                return HTTPStatus.OK, explain(self._engine, question).model_dump(mode="json")
            case _:
                return HTTPStatus.NOT_FOUND, _fault("there is /stats, /purge and /why")

    def _purge(self, wanted: Purge) -> tuple[HTTPStatus, object]:
        whole = (wanted.everything or None, wanted.expired or None)
        if sum(each is not None for each in (wanted.url, wanted.prefix, wanted.tag, *whole)) != 1:
            why = "say one of url, prefix, tag, everything, expired"
            return HTTPStatus.BAD_REQUEST, _fault(why)
        tenant = None if wanted.tenant is None else wanted.tenant.encode()
        if wanted.expired:
            count = self._engine.purge_expired()
        elif wanted.tag is not None:
            count = self._engine.purge_tag(wanted.tag.encode(), tenant)
        else:
            count = self._engine.purge(_matcher(wanted, tenant))
        return HTTPStatus.OK, {"purged": count}


def _matcher(wanted: Purge, tenant: bytes | None) -> Callable[[Address], bool]:
    host, path = _split(wanted.url or wanted.prefix or "/")
    is_prefix = wanted.url is None

    def matches(address: Address) -> bool:
        if tenant not in {None, address.tenant} or host not in {None, address.host}:
            return False
        return address.path.startswith(path) if is_prefix else address.path == path

    return matches


def _split(url: str) -> tuple[bytes | None, bytes]:
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme.isalpha():
        return None, url.encode()
    host, _, path = rest.partition("/")
    return host.lower().encode(), b"/" + path.encode()


def _fault(why: str) -> object:
    return {"detail": f"cannot do this: {why}"}


def _send(client: Client, status: HTTPStatus, told: object) -> None:
    body = json.dumps(told).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
    ]
    client.send(status_line(status.value) + block(headers), body)
