"""Logins at a SAML 2.0 identity provider (web browser profile), by pysaml2 and `xmlsec1`."""

import base64
import binascii
import hashlib
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit
from zlib import compressobj

from anyio import fail_after, to_thread

from intertie.identity.sso import LoginRefusedError, ProviderError
from intertie.identity.sso.assertion import MAX_RESPONSE, Told, Wanted, parse, read
from intertie.identity.sso.fetch import Fetch, check_address
from intertie.identity.sso.flight import Flight
from intertie.identity.sso.flows import AGAIN, Flow
from intertie.identity.sso.once import Once
from intertie.identity.sso.people import Person, names, text
from intertie.suite.values import DEFAULT_TENANT

_OK = 200
_KEEP_S = 86400.0
_RETRY_S = 60.0
_TIMEOUT_S = 20.0
_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
_DEFLATE_RAW = -15


@dataclass(frozen=True, slots=True)
class SamlSettings:
    """As in the suite file. `base` is where this provider's pages are: `…/auth/saml/name`."""

    name: str
    metadata: str
    """A path, or an `https` address."""
    base: str
    entity_id: str | None = None
    email_attribute: str = "email"
    groups_attribute: str = "groups"
    allowed_domains: tuple[str, ...] = ()
    tenant: str = DEFAULT_TENANT

    @property
    def own_id(self) -> str:
        """The entity id of this suite."""
        return self.entity_id or f"{self.base}/metadata"

    @property
    def consumer(self) -> str:
        """Where browsers bring responses."""
        return f"{self.base}/acs"


@dataclass(frozen=True, slots=True)
class Request:
    """Where a browser goes to log in: by a redirect, or with a form."""

    url: str
    form: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """A person, and the session the provider keeps for them."""

    person: Person
    session: str


@dataclass(frozen=True, slots=True)
class _Peer:
    """The provider, as its metadata tells."""

    client: Any  # Any: pysaml2 has no types
    id: str
    url: str
    binding: str
    read_at: float


class Saml:
    """One identity provider."""

    def __init__(
        self, settings: SamlSettings, fetch: Fetch, once: Once, *, now: Callable[[], datetime]
    ) -> None:
        self.settings = settings
        self._fetch = fetch
        self._once = once
        self._now = now
        self._peer: _Peer | None = None
        self._flight = Flight[_Peer]()

    async def request(self, flow: Flow) -> Request:
        """Raises ProviderError."""
        peer = await self._known()
        made: Any = await to_thread.run_sync(self._authn_request, peer, flow)
        relay = {"RelayState": flow.id}
        if peer.binding == _POST:
            return Request(peer.url, {"SAMLRequest": base64.b64encode(made).decode(), **relay})
        packer = compressobj(wbits=_DEFLATE_RAW)
        packed = base64.b64encode(packer.compress(made) + packer.flush()).decode()
        mark = "&" if "?" in peer.url else "?"
        return Request(f"{peer.url}{mark}{urlencode({'SAMLRequest': packed, **relay})}")

    async def finish(self, response: str, flow_id: str) -> Login:
        """Who came back. Raises LoginRefusedError, ProviderError.

        The caller sees to it that the flow is one of this browser.
        """
        peer = await self._known()
        xml = _decoded(response)
        request = request_id(flow_id)
        wanted = Wanted(peer.id, self.settings.own_id, self.settings.consumer, request)
        told = read(parse(xml), wanted, now=self._now().timestamp())
        with fail_after(_TIMEOUT_S):
            await to_thread.run_sync(_verify, peer, xml, request)
        if not await self._once.claim("assertion", f"{peer.id} {told.id}", told.until):
            raise LoginRefusedError(f"cannot log in: this answer was used before; {AGAIN}")
        return Login(self._person(told), told.session)

    async def metadata(self) -> bytes:
        """Of this suite, for the provider. Raises ProviderError."""
        module = _pysaml2("saml2.metadata")
        config = _config(self.settings, None)
        made: str = await to_thread.run_sync(lambda: str(module.entity_descriptor(config)))
        return made.encode()

    def _person(self, told: Told) -> Person:
        mail = told.attributes.get(self.settings.email_attribute, ())
        email = text(mail[0]) if len(mail) == 1 else ""
        subject = told.subject if told.stable else email
        if not text(subject):
            raise LoginRefusedError(
                "cannot log in: the provider tells no lasting name of the user; have it send"
                f" one address as the attribute {self.settings.email_attribute!r}"
            )
        return Person(
            provider=self.settings.name,
            subject=subject,
            tenant=self.settings.tenant,
            email=email,
            email_verified=bool(email),
            name=email or subject,
            groups=names(told.attributes.get(self.settings.groups_attribute)),
        )

    def _authn_request(self, peer: _Peer, flow: Flow) -> bytes:
        _, made = peer.client.create_authn_request(
            peer.url, binding=_POST, message_id=request_id(flow.id), sign=False
        )
        return str(made).encode()

    async def _known(self) -> _Peer:
        known, moment = self._peer, self._now().timestamp()
        if known is not None and moment - known.read_at < _KEEP_S:
            return known

        async def renewed() -> _Peer:
            xml = await self._metadata_of_peer()
            return await to_thread.run_sync(_peer, self.settings, xml, moment)

        try:
            self._peer = await self._flight.share(renewed)
        except ProviderError:
            if known is None:
                raise
            self._peer = replace(known, read_at=moment - _KEEP_S + _RETRY_S)
        return self._peer

    async def _metadata_of_peer(self) -> str:
        where = self.settings.metadata
        if "://" in where:
            check_address(where)
            answer = await self._fetch.get(where, {"accept": "application/samlmetadata+xml, */*"})
            if answer.status != _OK:
                raise ProviderError(f"cannot read {where}: it answers {answer.status}")
            return answer.content.decode(errors="replace")
        try:
            return await to_thread.run_sync(Path(where).read_text)
        except (OSError, UnicodeDecodeError) as exc:
            raise ProviderError(f"cannot read the provider's metadata {where}: {exc}") from exc


def request_id(flow_id: str) -> str:
    """Of the request of a flow: nobody knows it who does not know the flow."""
    return f"_{hashlib.sha256(f'saml {flow_id}'.encode()).hexdigest()}"


def origin(url: str) -> str:
    """Of an address, for a policy that lets a form go there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _pysaml2(module: str) -> Any:  # Any: pysaml2 has no types
    try:
        return import_module(module)
    except ImportError as exc:
        raise ProviderError(
            "cannot use SAML: pysaml2 is not there; install intertie[saml]"
        ) from exc


def _config(settings: SamlSettings, metadata: str | None) -> Any:  # Any: pysaml2 has no types
    program = shutil.which("xmlsec1")
    if program is None:
        raise ProviderError("cannot use SAML: the program xmlsec1 is not there; install it")
    made = _pysaml2("saml2.config").SPConfig()
    made.load(
        {
            "entityid": settings.own_id,
            "xmlsec_binary": program,
            "allow_unknown_attributes": True,
            "accepted_time_diff": 60,
            "metadata": {"inline": [metadata]} if metadata else {},
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(settings.consumer, _POST)]},
                    "want_assertions_signed": True,
                    "want_response_signed": False,
                    "allow_unsolicited": False,
                    "authn_requests_signed": False,
                }
            },
        }
    )
    return made


def _peer(settings: SamlSettings, xml: str, moment: float) -> _Peer:
    base = _pysaml2("saml2")
    if "<!" in xml.replace("<!--", ""):
        raise ProviderError("cannot use the provider's metadata: it declares a document type")
    try:
        client = _pysaml2("saml2.client").Saml2Client(config=_config(settings, xml))
        ids = list(client.metadata.with_descriptor("idpsso"))
        if len(ids) != 1:
            raise ProviderError(
                f"cannot use the metadata of {settings.name!r}: it names {len(ids)} identity"
                " providers; give one file for each"
            )
        offered = client.metadata.service(ids[0], "idpsso_descriptor", "single_sign_on_service")
        for binding in (_REDIRECT, _POST):
            if found := (offered or {}).get(binding):
                url = str(found[0]["location"])
                check_address(url)
                return _Peer(client, ids[0], url, binding, moment)
    except (base.SAMLError, _pysaml2("saml2.s_utils").SamlException, KeyError) as exc:
        raise ProviderError(f"cannot use the metadata of {settings.name!r}: {exc}") from exc
    raise ProviderError(f"cannot use the metadata of {settings.name!r}: no address to log in at")


def _decoded(response: str) -> bytes:
    if len(response) > MAX_RESPONSE * 2:
        raise LoginRefusedError(f"cannot log in: the provider's answer is too long; {AGAIN}")
    try:
        return base64.b64decode("".join(response.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise LoginRefusedError(f"cannot log in: the provider's answer is faulty; {AGAIN}") from exc


def _verify(peer: _Peer, xml: bytes, request: str) -> None:
    """The signatures, and once more what the standard asks for."""
    encoded = base64.b64encode(xml).decode()
    try:
        client = type(peer.client)(config=peer.client.config)  # it would keep each login for good
        found = client.parse_authn_request_response(encoded, _POST, {request: "/"})
    # Any exception: pysaml2 raises bare `Exception` for several refusals, and all are refusals.
    except Exception as exc:
        traceback.clear_frames(exc.__traceback__)  # they hold temporary files open
        raise LoginRefusedError(
            f"cannot take the provider's answer: its signature or content is wrong; {AGAIN}"
        ) from exc
    if found is None or found.assertion is None:
        raise LoginRefusedError(f"cannot take the provider's answer: it is empty; {AGAIN}")
