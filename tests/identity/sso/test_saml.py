"""SAML responses of a foreign provider, and what attackers make of them."""

import base64
import re
from collections.abc import Callable, Iterator

import pytest

from intertie.errors import IntertieError
from intertie.identity.sso import LoginRefusedError, ProviderError
from intertie.identity.sso.flows import Flow
from intertie.identity.sso.saml import request_id
from tests.api.login.site import Site
from tests.identity.sso.saml_world import answered, pair, partners

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite and its provider, for all tests."""
    with partners(tmp_path_factory.mktemp("saml") / "suite") as (found, _):
        yield found


def finish(found: Site, flow: Flow, xml: bytes) -> str:
    """Who the suite thinks it is."""
    provider = found.made.desk.saml["partner"]
    login = found.run(provider.finish, base64.b64encode(xml).decode(), flow.id)
    return f"{login.person.email} {login.person.groups}"


def parts(xml: bytes) -> tuple[str, str, str, str]:
    """The response, its assertion, the assertion's signature, and an assertion of somebody else."""
    text = xml.decode()
    (assertion,) = re.findall(r"<saml:Assertion .*</saml:Assertion>", text, re.DOTALL)
    (signature,) = re.findall(
        r"<ds:Signature.*?</ds:Signature>|<Signature .*?</Signature>", assertion
    )
    evil = assertion.replace(signature, "").replace("ada", "root").replace('ID="_', 'ID="_e')
    return text, assertion, signature, evil


def test_a_foreign_provider_s_answer_is_taken_once(world: Site) -> None:
    """Its person and groups are known; the same answer a second time is refused."""
    flow, xml = answered(world)

    assert finish(world, flow, xml) == "ada@example.com ('admins',)"
    with pytest.raises(LoginRefusedError, match="used before"):
        finish(world, flow, xml)


def test_another_login_s_answer_is_refused(world: Site) -> None:
    """An answer belongs to the request it was asked with."""
    _, xml = answered(world)

    with pytest.raises(LoginRefusedError, match="no question of this login"):
        finish(world, Flow.begin("partner", "/", 0.0), xml)


def test_an_old_answer_is_refused(world: Site) -> None:
    """By the suite's clock."""
    flow, xml = answered(world)
    world.made.clock.advance(3600)
    try:
        with pytest.raises(LoginRefusedError, match="too old"):
            finish(world, flow, xml)
    finally:
        world.made.clock.advance(-3600)


Attack = Callable[[bytes], str]


def _before(xml: bytes) -> str:
    text, assertion, _, evil = parts(xml)
    return text.replace(assertion, evil + assertion)


def _after(xml: bytes) -> str:
    text, assertion, _, evil = parts(xml)
    return text.replace(assertion, assertion + evil)


def _around(xml: bytes) -> str:
    text, assertion, _, evil = parts(xml)
    return text.replace(assertion, evil.replace("</saml:Issuer>", f"</saml:Issuer>{assertion}", 1))


def _signature_of_another(xml: bytes) -> str:
    text, assertion, signature, evil = parts(xml)
    signed = evil.replace("</saml:Issuer>", f"</saml:Issuer>{signature}", 1)
    return text.replace(assertion, signed + assertion.replace(signature, ""))


def _in_the_signature(xml: bytes) -> str:
    text, assertion, signature, evil = parts(xml)
    bare = assertion.replace(signature, "")
    stuffed = signature.replace("</Signature>", f"{bare}</Signature>")
    stuffed = stuffed.replace("</ds:Signature>", f"{bare}</ds:Signature>")
    return text.replace(assertion, evil.replace("</saml:Issuer>", f"</saml:Issuer>{stuffed}", 1))


def _in_an_object(xml: bytes) -> str:
    text, assertion, signature, evil = parts(xml)
    prefix = "ds:" if signature.startswith("<ds:") else ""
    held = f"<{prefix}Object>{assertion.replace(signature, '')}</{prefix}Object>"
    stuffed = signature.replace(f"</{prefix}Signature>", f"{held}</{prefix}Signature>")
    return text.replace(assertion, evil.replace("</saml:Issuer>", f"</saml:Issuer>{stuffed}", 1))


def _in_extensions(xml: bytes) -> str:
    text, assertion, _, evil = parts(xml)
    held = f"<samlp:Extensions>{assertion}</samlp:Extensions>"
    return text.replace(assertion, held + evil)


def _evil_in_extensions(xml: bytes) -> str:
    text, assertion, _, evil = parts(xml)
    return text.replace(assertion, f"<samlp:Extensions>{evil}</samlp:Extensions>{assertion}")


def _response_in_response(xml: bytes) -> str:
    text, assertion, _, evil = parts(xml)
    outer = text.replace(assertion, evil).replace("</samlp:Response>", "")
    return f"{outer}<samlp:Extensions>{text}</samlp:Extensions></samlp:Response>"


def _same_id(xml: bytes) -> str:
    text, assertion, signature, _ = parts(xml)
    twin = assertion.replace(signature, "").replace("ada", "root")
    return text.replace(assertion, twin + assertion)


def _unsigned(xml: bytes) -> str:
    text, _, signature, _ = parts(xml)
    return text.replace(signature, "")


def _only_evil(xml: bytes) -> str:
    text, assertion, _, evil = parts(xml)
    return text.replace(assertion, evil)


def _changed(xml: bytes) -> str:
    return xml.decode().replace("ada@example.com", "root@example.com")


def _comment(xml: bytes) -> str:
    return xml.decode().replace("ada@example.com", "ada@example.com<!-- -->.evil.test")


def _instruction(xml: bytes) -> str:
    return xml.decode().replace("ada@example.com", "ada@example.com<?a b?>.evil.test")


def _doctype(xml: bytes) -> str:
    return '<!DOCTYPE a [<!ENTITY b "root">]>' + xml.decode().replace(">ada<", ">&b;<")


def _weak_digest(xml: bytes) -> str:
    text = xml.decode()
    return text.replace(
        "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1"
    )


def _weak_signature(xml: bytes) -> str:
    return xml.decode().replace("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256")


def _xpath(xml: bytes) -> str:
    return xml.decode().replace(
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        1,
    )


def _audience(xml: bytes) -> str:
    return re.sub(r"(Audience>)[^<]+", r"\1https://other.test", xml.decode())


def _recipient(xml: bytes) -> str:
    return re.sub(r'Recipient="[^"]*"', 'Recipient="https://other.test/acs"', xml.decode())


def _destination(xml: bytes) -> str:
    return re.sub(r'Destination="[^"]*"', 'Destination="https://other.test/acs"', xml.decode())


def _issuer(xml: bytes) -> str:
    return re.sub(r"(Issuer>)http[^<]+", r"\1https://other.test", xml.decode())


def _failed(xml: bytes) -> str:
    return xml.decode().replace("status:Success", "status:Responder")


def _latin(xml: bytes) -> str:
    return '<?xml version="1.0" encoding="UTF-7"?>' + xml.decode()


ATTACKS = [
    *(_before, _after, _around, _signature_of_another, _in_the_signature, _in_an_object),
    *(_in_extensions, _evil_in_extensions, _response_in_response, _same_id, _unsigned, _only_evil),
    *(_changed, _comment, _instruction, _doctype, _weak_digest, _weak_signature, _xpath),
    *(_audience, _recipient, _destination, _issuer, _failed, _latin),
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.__name__.strip("_"))
def test_a_forged_answer_is_refused(world: Site, attack: Attack) -> None:
    """Whatever was wrapped, moved, stripped or rewritten; the true answer still counts after."""
    flow, xml = answered(world)
    forged = attack(xml).encode()
    assert forged != xml

    with pytest.raises(LoginRefusedError):
        finish(world, flow, forged)

    assert finish(world, flow, xml).startswith("ada@")


def test_another_key_s_signature_is_refused(world: Site) -> None:
    """A certificate that the answer brings along vouches for nobody."""
    flow, xml = answered(world)
    _, certificate = pair()
    body = "".join(certificate.split("-----")[2].split())
    forged = re.sub(r"(X509Certificate>)[^<]+", rf"\g<1>{body}", _changed(xml))

    with pytest.raises(LoginRefusedError, match="signature"):
        finish(world, flow, forged.encode())


def test_what_is_no_answer(world: Site) -> None:
    """It is refused with a sentence, whatever it is."""
    flow, _ = answered(world)
    for nothing in (b"", b"<a/>", b"not xml", b"<" * 300_000, b"\xff\xfe", b"{}"):
        with pytest.raises(LoginRefusedError):
            finish(world, flow, nothing)


def test_the_request_names_us(world: Site) -> None:
    """Its id is one that only who knows the flow can tell."""
    assert request_id("a") != request_id("b")
    metadata = world.run(world.made.desk.saml["partner"].metadata).decode()

    assert f"{world.url}/auth/saml/partner/acs" in metadata
    assert 'WantAssertionsSigned="true"' in metadata


def test_metadata_that_is_none(world: Site) -> None:
    """A provider that cannot be used is named with the reason."""
    settings = world.made.desk.saml["partner"].settings
    kind = type(world.made.desk.saml["partner"])
    tools = world.made.desk.tools
    for wrong in ("/nowhere/metadata.xml", "http://example.com/metadata", f"{world.url}/auth/me"):
        broken = kind(
            type(settings)("partner", wrong, settings.base),
            tools.fetch,
            world.made.desk.once,
            now=tools.now,
        )
        with pytest.raises(ProviderError):
            world.run(broken.request, Flow.begin("partner", "/", 0.0))
    assert issubclass(ProviderError, IntertieError)
