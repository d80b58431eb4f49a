"""What a SAML response must look like, before and after its signature is verified.

Signature wrapping lives from documents with two things that could be meant. So a response is only
read when there is one response, one assertion, and one place for each signature.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.flows import AGAIN

MAX_RESPONSE = 262144
_SKEW_S = 60.0
_PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
_ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}"
_ENCRYPTED = "{http://www.w3.org/2001/04/xmlenc#}"
_BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
_TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_XML = re.compile(
    rb"<\?xml version=[\"']1\.0[\"'](?: encoding=[\"'][Uu][Tt][Ff]-8[\"'])?"
    rb"(?: standalone=[\"'](?:yes|no)[\"'])?\s*\?>\s*"
)
_TRANSFORMS = frozenset(
    {
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/2001/10/xml-exc-c14n#",
    }
)
_CANONICAL = frozenset({"http://www.w3.org/2001/10/xml-exc-c14n#"})
_SIGNATURES = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#{kind}-sha{bits}"
    for kind in ("rsa", "ecdsa")
    for bits in (256, 384, 512)
)
_DIGESTS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a response must be from, for, and an answer to."""

    issuer: str
    audience: str
    """The entity id of this suite."""
    recipient: str
    """The address it is sent to."""
    request: str
    """The id of our request."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an assertion says."""

    id: str
    subject: str
    stable: bool
    """False for a name that is new at each login."""
    session: str
    until: float
    attributes: dict[str, tuple[str, ...]]


def parse(xml: bytes) -> ET.Element:
    """The only reading of a response. Raises LoginRefusedError."""
    declaration = _XML.match(xml)
    body = xml[declaration.end() :] if declaration else xml
    if len(xml) > MAX_RESPONSE or b"<!" in body or b"<?" in body or b"\x00" in body:
        raise _refusal("it is too long, or has comments, declarations or instructions in it")
    try:
        body.decode("utf-8")
        root = ET.fromstring(body)  # noqa: S314 — without declarations there are no entities
    except (ET.ParseError, UnicodeDecodeError) as exc:
        raise _refusal("it is no XML") from exc
    _check_shape(root)
    return root


def read(root: ET.Element, wanted: Wanted, *, now: float) -> Told:
    """What its assertion says, everything checked but the signature. Raises LoginRefusedError."""
    _check_response(root, wanted)
    assertion = _one(root, f"{_ASSERTION}Assertion")
    _check_issuer(_one(assertion, f"{_ASSERTION}Issuer"), wanted)
    subject = _one(assertion, f"{_ASSERTION}Subject")
    until = min(_confirmed(subject, wanted, now), _conditions(assertion, wanted, now))
    name = _one(subject, f"{_ASSERTION}NameID")
    statement = _one(assertion, f"{_ASSERTION}AuthnStatement")
    _check_time(statement.get("SessionNotOnOrAfter"), now, upper=True)
    return Told(
        id=assertion.get("ID", ""),
        subject=_text(name),
        stable=name.get("Format") != _TRANSIENT,
        session=statement.get("SessionIndex", ""),
        until=until + _SKEW_S,
        attributes=_attributes(assertion),
    )


def _check_shape(root: ET.Element) -> None:
    tags = [each.tag for each in root.iter()]
    if root.tag != f"{_PROTOCOL}Response" or tags.count(f"{_PROTOCOL}Response") != 1:
        raise _refusal("it is not one response")
    if any(tag.startswith(_ENCRYPTED) or tag.endswith("}EncryptedAssertion") for tag in tags):
        raise _refusal("it is encrypted, which TLS does already; turn that off at the provider")
    if tags.count(f"{_ASSERTION}Assertion") != 1:
        raise _refusal("it has not exactly one assertion")
    assertion = _one(root, f"{_ASSERTION}Assertion")
    names = [value for each in root.iter() for key, value in each.items() if key.lower() == "id"]
    if len(set(names)) != len(names):
        raise _refusal("an id is there twice")
    _check_signatures(root, assertion)


def _check_signatures(root: ET.Element, assertion: ET.Element) -> None:
    found = list(root.iter(f"{_SIGNATURE}Signature"))
    of_response = root.findall(f"{_SIGNATURE}Signature")
    of_assertion = assertion.findall(f"{_SIGNATURE}Signature")
    if len(of_assertion) != 1:
        raise _refusal("its assertion is not signed; turn that on at the provider")
    if len(of_response) > 1 or len(found) != len(of_response) + 1:
        raise _refusal("there is a signature where none should be")
    for parent, signature in [(assertion, of_assertion[0]), *((root, s) for s in of_response)]:
        _check_signature(parent.get("ID", ""), signature)


def _check_signature(id: str, signature: ET.Element) -> None:
    if signature.find(f".//{_SIGNATURE}Object") is not None:
        raise _refusal("its signature carries an object")
    info = _one(signature, f"{_SIGNATURE}SignedInfo")
    reference = _one(info, f"{_SIGNATURE}Reference")
    if not id or reference.get("URI") != f"#{id}":
        raise _refusal("its signature is of something else")
    _check_algorithms(info, "CanonicalizationMethod", _CANONICAL)
    _check_algorithms(info, "SignatureMethod", _SIGNATURES)
    _check_algorithms(reference, "DigestMethod", _DIGESTS)
    transforms = _one(reference, f"{_SIGNATURE}Transforms")
    _check_algorithms(transforms, "Transform", _TRANSFORMS)


def _check_algorithms(parent: ET.Element, name: str, allowed: frozenset[str]) -> None:
    used = [each.get("Algorithm", "") for each in parent.findall(f"{_SIGNATURE}{name}")]
    if not used or len(set(used)) != len(used) or not set(used) <= allowed:
        raise _refusal(f"its signature uses {', '.join(used)[:200] or 'nothing'} ({name})")


def _check_response(root: ET.Element, wanted: Wanted) -> None:
    status = _one(_one(root, f"{_PROTOCOL}Status"), f"{_PROTOCOL}StatusCode")
    if status.get("Value") != _SUCCESS:
        told = status.get("Value", "").rpartition(":")[2][:60]
        raise _refusal(f"the provider says {told!r}")
    if root.get("InResponseTo") != wanted.request:
        raise _refusal("it answers no question of this login")
    if root.get("Destination", wanted.recipient) != wanted.recipient:
        raise _refusal("it was sent to somebody else (Destination)")
    for issuer in root.findall(f"{_ASSERTION}Issuer"):
        _check_issuer(issuer, wanted)


def _check_issuer(issuer: ET.Element, wanted: Wanted) -> None:
    if _text(issuer) != wanted.issuer:
        raise _refusal("it is of another issuer")


def _confirmed(subject: ET.Element, wanted: Wanted, now: float) -> float:
    """Until when the bearer is believed."""
    for each in subject.findall(f"{_ASSERTION}SubjectConfirmation"):
        data = each.find(f"{_ASSERTION}SubjectConfirmationData")
        if each.get("Method") != _BEARER or data is None or data.get("NotBefore"):
            continue
        if data.get("Recipient") == wanted.recipient and data.get("InResponseTo") == wanted.request:
            return _check_time(data.get("NotOnOrAfter"), now, upper=True, needed=True)
    raise _refusal("it is not for this place and this login (SubjectConfirmation)")


def _conditions(assertion: ET.Element, wanted: Wanted, now: float) -> float:
    conditions = _one(assertion, f"{_ASSERTION}Conditions")
    restrictions = conditions.findall(f"{_ASSERTION}AudienceRestriction")
    for each in restrictions:
        if wanted.audience not in [_text(one) for one in each.findall(f"{_ASSERTION}Audience")]:
            raise _refusal("it is for another application (Audience)")
    if not restrictions:
        raise _refusal("it does not say whom it is for (Audience)")
    _check_time(conditions.get("NotBefore"), now, upper=False)
    return _check_time(conditions.get("NotOnOrAfter"), now, upper=True)


def _check_time(told: str | None, now: float, *, upper: bool, needed: bool = False) -> float:
    if told is None:
        if needed:
            raise _refusal("it does not say until when it counts")
        return float("inf")
    try:
        moment = datetime.fromisoformat(told.replace("Z", "+00:00"))
    except ValueError as exc:
        raise _refusal("a time in it cannot be read") from exc
    stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if (stamp + _SKEW_S <= now) if upper else (stamp - _SKEW_S > now):
        raise _refusal("it is too old or too new; is the clock of this machine right?")
    return stamp


def _attributes(assertion: ET.Element) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for each in assertion.findall(f"{_ASSERTION}AttributeStatement/{_ASSERTION}Attribute"):
        values = tuple(_text(value) for value in each.findall(f"{_ASSERTION}AttributeValue"))
        for name in {each.get("Name", ""), each.get("FriendlyName", "")} - {""}:
            found[name] = found.get(name, ()) + values
    return found


def _one(parent: ET.Element, tag: str) -> ET.Element:
    found: Sequence[ET.Element] = parent.findall(tag)
    if len(found) != 1:
        raise _refusal(f"it has not exactly one {tag.rpartition('}')[2]}")
    return found[0]


def _text(element: ET.Element) -> str:
    if len(element):
        raise _refusal("there are elements where text should be")
    return (element.text or "").strip()


def _refusal(why: str) -> LoginRefusedError:
    return LoginRefusedError(f"cannot take the provider's answer: {why}; {AGAIN}")
