"""SAML responses, read without looking at their signature."""

from collections.abc import Callable

import pytest

from intertie.identity.sso import LoginRefusedError
from intertie.identity.sso.assertion import Told, Wanted, parse, read

NOW = 1_893_456_000.0
WANTED = Wanted("https://idp.test", "https://us.test", "https://us.test/acs", "_r")
_DS = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
RESPONSE = f"""<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"
 xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" InResponseTo="_r"
 Destination="https://us.test/acs"><saml:Issuer>https://idp.test</saml:Issuer><samlp:Status>
<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>
<saml:Assertion ID="_2"><saml:Issuer>https://idp.test</saml:Issuer><ds:Signature {_DS}>
<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>
<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<ds:Reference URI="#_2"><ds:Transforms>
<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/></ds:Transforms>
<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/></ds:Reference>
</ds:SignedInfo></ds:Signature><saml:Subject><saml:NameID>ada</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData Recipient="https://us.test/acs" InResponseTo="_r"
 NotOnOrAfter="2030-01-01T00:05:00Z"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="2029-12-31T23:59:00Z" NotOnOrAfter="2030-01-01T00:05:00Z">
<saml:AudienceRestriction><saml:Audience>https://us.test</saml:Audience></saml:AudienceRestriction>
</saml:Conditions><saml:AuthnStatement SessionIndex="s1"/><saml:AttributeStatement>
<saml:Attribute Name="urn:mail" FriendlyName="email"><saml:AttributeValue>ada@example.com
</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>
</samlp:Response>"""


def taken(xml: str) -> Told:
    """What it says."""
    return read(parse(xml.encode()), WANTED, now=NOW)


def test_a_response() -> None:
    """Attributes go by either of their names."""
    told = taken(f'<?xml version="1.0" encoding="UTF-8"?>{RESPONSE}')

    assert (told.id, told.subject, told.stable, told.session) == ("_2", "ada", True, "s1")
    assert told.attributes["email"] == told.attributes["urn:mail"] == ("ada@example.com",)
    assert told.until == NOW + 360


def swap(old: str, new: str) -> Callable[[], str]:
    """The response with something else in it."""
    assert old in RESPONSE
    return lambda: RESPONSE.replace(old, new)


@pytest.mark.parametrize(
    "faulty",
    [
        swap("<saml:Issuer>https://idp.test", "<saml:Issuer>https://other.test"),
        swap(' InResponseTo="_r"\n Destination', "\n Destination"),
        swap('Destination="https://us.test/acs"', 'Destination="https://other.test"'),
        swap('Recipient="https://us.test/acs"', 'Recipient="https://other.test"'),
        swap('Recipient="https://us.test/acs"', ""),
        swap('acs" InResponseTo="_r"\n NotOn', 'acs" InResponseTo="_x"\n NotOn'),
        swap(' NotOnOrAfter="2030-01-01T00:05:00Z"/>', "/>"),
        swap(' NotOnOrAfter="2030-01-01T00:05:00Z"/>', ' NotOnOrAfter="soon"/>'),
        swap('NotOnOrAfter="2030-01-01T00:05:00Z">', 'NotOnOrAfter="2029-12-31T23:58:00Z">'),
        swap('NotBefore="2029-12-31T23:59:00Z"', 'NotBefore="2030-01-01T00:02:00Z"'),
        swap("cm:bearer", "cm:sender-vouches"),
        swap("<saml:Audience>https://us.test<", "<saml:Audience>https://other.test<"),
        swap("<saml:NameID>ada</saml:NameID>", "<saml:NameID>a<b/>da</saml:NameID>"),
        swap("<saml:NameID>ada</saml:NameID>", ""),
        swap('<saml:AuthnStatement SessionIndex="s1"/>', ""),
        swap("status:Success", "status:Requester"),
        swap('ID="_2"', 'ID="_1"'),
        swap('ID="_2"', ""),
        swap('URI="#_2"', 'URI="#_1"'),
        swap('URI="#_2"', 'URI=""'),
        swap("#rsa-sha256", "#rsa-sha1"),
        swap("#rsa-sha256", "#hmac-sha256"),
        swap("xmlenc#sha256", "xmlenc#md5"),
        swap("xml-exc-c14n#", "xml-exc-c14n#WithComments"),
        swap("</ds:SignedInfo>", "</ds:SignedInfo><ds:Object/>"),
        swap("saml:Assertion", "saml:EncryptedAssertion"),
    ],
)
def test_a_faulty_response_is_refused(faulty: Callable[[], str]) -> None:
    """One fault is enough."""
    with pytest.raises(LoginRefusedError):
        taken(faulty())


@pytest.mark.parametrize(
    "xml",
    [
        b"", b"<a/>", b"\x00", b"\xff", RESPONSE.encode("utf-16"), b"<!DOCTYPE a><a/>",
        RESPONSE.replace("ada<", "ada<!-- x --><").encode(),
        RESPONSE.replace("ada<", "<![CDATA[ada]]><").encode(),
        RESPONSE.replace("ada<", "ada<?x y?><").encode(),
        f'<?xml version="1.0" encoding="latin-1"?>{RESPONSE}'.encode(),
        RESPONSE.encode() + b" " * 300_000, RESPONSE.encode() + b"<a/>",
    ],
)  # fmt: skip
def test_what_is_read_in_two_ways_is_not_read(xml: bytes) -> None:
    """Comments, instructions, declarations, other codings, and what is no XML."""
    with pytest.raises(LoginRefusedError):
        parse(xml)
